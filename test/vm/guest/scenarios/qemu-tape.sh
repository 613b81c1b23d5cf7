# The same drive by QEMU's own initiator: the guest sees a SCSI host adapter and no network.
. /test/lib.sh
. /test/tape.sh

must 'virtio_scsi loads' modprobe virtio_scsi
must 'st finds the drive' wait_for 30 attached qemu-tape 1 'scsi_tape/nst[0-9]'
tape=$(attached qemu-tape 1 'scsi_tape/nst[0-9]')
sg=$(attached qemu-tape 1 'scsi_generic/sg*')
say "tape $tape, generic $sg"

tape_all
