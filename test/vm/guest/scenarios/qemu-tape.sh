# The same drive by QEMU's own initiator: the guest sees a SCSI host adapter and no network.
. /test/lib.sh
. /test/tape.sh

must 'virtio_scsi loads' modprobe virtio_scsi
attached_tape() { ls /sys/bus/virtio/drivers/virtio_scsi/virtio*/host*/target*/*/scsi_tape/nst[0-9] > /dev/null; }
must 'st finds the drive' wait_for 30 attached_tape
folder=$(dirname "$(dirname "$(ls -d /sys/bus/virtio/drivers/virtio_scsi/virtio*/host*/target*/*/scsi_tape | head -1)/x")")
tape=/dev/$(first_in "$folder"/scsi_tape/nst[0-9])
sg=/dev/$(first_in "$folder"/scsi_generic/sg*)
say "tape $tape, generic $sg"

tape_all
