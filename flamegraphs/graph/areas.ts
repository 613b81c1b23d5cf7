/** The parts of Lunloom, and of what it stands on, that a graph tells apart by colour. */
export const areas = {
  net: { colour: '#4f9bd9', title: 'sockets, receive cursor, send queue' },
  pdu: { colour: '#37b8af', title: 'iSCSI codecs and digests' },
  login: { colour: '#8fa6b8', title: 'login and text negotiation' },
  session: { colour: '#7c83db', title: 'sessions, command window, PDU handlers' },
  task: { colour: '#b07cd6', title: 'task sets, transfers' },
  dispatch: { colour: '#e0a030', title: 'inline or ring; the ring loop of a worker' },
  scsi: { colour: '#e4713f', title: 'device servers' },
  store: { colour: '#d94f70', title: 'backing stores' },
  shm: { colour: '#7fb53d', title: 'slots, rings, arena, histograms' },
  lunloom: { colour: '#c9b458', title: 'the rest of Lunloom' },
  node: { colour: '#9aa39a', title: 'JavaScript of Node and of packages' },
  native: { colour: '#b9b2a8', title: 'V8, libuv and the kernel, as far as they have no frames' },
  gc: { colour: '#5b5b5b', title: 'garbage collection' },
  idle: { colour: '#e6e6e6', title: 'asleep' },
} as const;
export type Area = keyof typeof areas;

const ENGINE_FOLDER = /(?:^|\/)engine\/([a-z]+)[/.]/;
const OWN_FOLDER = /(?:^|\/)(?:engine|cli|initiator|load|bench|bin)\//;

/** Which part a function belongs to, told by its name and the path of its file below the package. */
export function areaOf(functionName: string, file: string): Area {
  if (functionName === '(idle)') return 'idle';
  if (functionName === '(garbage collector)') return 'gc';
  if (file === '') return 'native';
  if (file.startsWith('node:') || file.includes('node_modules/')) return 'node';
  // `Atomics.wait` has no frame of its own: a worker that sleeps is seen in the function that waits.
  if (functionName === 'sleep' && /(?:^|\/)spsc-ring\.[jt]s$/.test(file)) return 'idle';
  if (/(?:^|\/)workers\//.test(file)) return 'dispatch';
  const folder = ENGINE_FOLDER.exec(file)?.[1];
  if (folder !== undefined && folder in areas) return folder as Area;
  return OWN_FOLDER.test(file) ? 'lunloom' : 'node';
}
