import { type BoundAnswer, type BoundCall, type BoundModule, type BoundSetup, callMethod, failureOf } from '../engine/devices/bound-thread.js';

/** Serves one device, call by call, until its `close` has been answered. Started by Piscina, once a thread. */
export default async function serveBound({ moduleUrl, options, port }: BoundSetup): Promise<void> {
  const answer = (message: BoundAnswer) => port.postMessage(message);
  let service: object;
  try {
    const { create } = (await import(moduleUrl)) as BoundModule;
    service = create(options);
  } catch (error) {
    answer({ id: 0, failure: failureOf(error) });
    port.close();
    return;
  }
  await new Promise<void>((resolve) => {
    port.on('message', ({ id, method, args }: BoundCall) => {
      try {
        answer({ id, value: callMethod(service, method, args) });
      } catch (error) {
        answer({ id, failure: failureOf(error) });
      }
      if (method !== 'close') return;
      port.close();
      resolve();
    });
    answer({ id: 0 });
  });
}
