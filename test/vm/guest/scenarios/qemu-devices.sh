# A disk, a disc and a library by QEMU's own initiator: the guest sees SCSI host adapters and no network.
. /test/lib.sh

must 'virtio_scsi loads' modprobe virtio_scsi
must 'sd finds the disk' wait_for 30 attached qemu-devices 0 'block/sd*'
disk=$(attached qemu-devices 0 'block/sd*')
random_file /tmp/written 512
check 'dd writes to it' dd if=/tmp/written of="$disk" bs=65536 oflag=direct conv=fsync
check 'dd reads from it' dd if="$disk" of=/tmp/read bs=65536 count=32 iflag=direct
check 'it is the same' same /tmp/written /tmp/read
decodes 'sg_vpd decodes every page' sg_vpd -a "$disk"

must 'sr finds the disc' wait_for 30 attached qemu-devices 5 'block/sr*'
cdrom=$(attached qemu-devices 5 'block/sr*')
check 'it mounts' mount -t iso9660 -o ro "$cdrom" /mnt
check 'every file has its checksum' sh -c 'cd /mnt && sha256sum -c sums'
umount /mnt
decodes 'sg_get_config decodes current features' sg_get_config --current "$(attached qemu-devices 5 'scsi_generic/sg*')"

must 'sg finds the library' wait_for 30 attached qemu-devices 8 'scsi_generic/sg*'
must 'st finds its drive' wait_for 30 attached qemu-devices 1 'scsi_tape/nst[0-9]'
sg=$(attached qemu-devices 8 'scsi_generic/sg*')
tape=$(attached qemu-devices 1 'scsi_tape/nst[0-9]')
mtx() { /usr/sbin/mtx -f "$sg" "$@"; }
check_says 'mtx status shows a barcode' 'Storage Element 1:Full :VolumeTag=LUN001L6' mtx status
check 'mtx loads a cartridge' mtx load 1 0
check 'the drive becomes ready' wait_for 30 sh -c "mt-st -f $tape status | grep -q ONLINE"
make_tree /tmp/tree-1 3
check 'tar writes it' tar -C /tmp/tree-1 -cf "$tape" .
check 'mt offline' mt-st -f "$tape" offline
check 'mtx unloads it to another slot' mtx unload 4 0
check 'mtx loads it again' mtx load 4 0
check 'the drive becomes ready again' wait_for 30 sh -c "mt-st -f $tape status | grep -q ONLINE"
mkdir /tmp/out
check 'tar reads it' tar -C /tmp/out -xf "$tape"
check 'it is what was written' same_tree /tmp/tree-1 /tmp/out
