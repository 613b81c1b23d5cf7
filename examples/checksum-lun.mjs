// The SHA-256 of a logical unit, and who it is: `node examples/checksum-lun.mjs iscsi://host[:port]/target/lun`.
// Credentials come from the URL (user%secret@) or from LUNLOOM_CHAP_USER and LUNLOOM_CHAP_SECRET.
import { createHash } from 'node:crypto';
import { BlockDevice, LogicalUnitClient, loginOptionsOf, maskIscsiUrl, parseIscsiUrl, ScsiError, Session } from 'lunloom/initiator';

const PIECE_BYTES = 4 * 1024 * 1024;

async function checksum(urlText) {
  const url = parseIscsiUrl(urlText);
  const session = await Session.login({ ...loginOptionsOf(url), targetName: url.targetName, tolerate: 'harmless' });
  try {
    const unit = new LogicalUnitClient(session, url.lun, { unitAttentionCountMax: 8 });
    const { vendor, product } = await unit.inquiry();
    const device = await BlockDevice.open(unit);
    process.stdout.write(`${maskIscsiUrl(urlText)}: ${vendor} ${product}, ${device.lbaCount} blocks of ${device.blockLengthBytes} bytes\n`);

    const hash = createHash('sha256');
    const blocksAtOnce = BigInt(Math.ceil(PIECE_BYTES / device.blockLengthBytes));
    for (let lba = 0n; lba < device.lbaCount; lba += blocksAtOnce) {
      const left = device.lbaCount - lba;
      // Cut into the commands that the unit takes, several of them on their way at the same time.
      hash.update(await device.read(lba, Number(left < blocksAtOnce ? left : blocksAtOnce)));
    }
    process.stdout.write(`sha256 ${hash.digest('hex')}\n`);
  } finally {
    await session.logout();
  }
}

try {
  await checksum(process.argv[2] ?? '');
} catch (error) {
  // Sense data comes parsed: `error.sense.key`, `.ascAscq`, `.information`…
  const code = error instanceof ScsiError ? ` (sense key ${error.senseKey})` : '';
  process.stderr.write(`${error.message}${code}\n`);
  process.exitCode = 1;
}
