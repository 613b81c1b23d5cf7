# Lunloom in the guest passes through to a disk of scsi_debug behind /dev/sg, and to the Lunloom of the host.
. /test/lib.sh
. /test/serve.sh

must 'scsi_debug loads' modprobe scsi_debug dev_size_mb=16 lbpu=1 lbpws=1
debug_folder() {
  first_folder=$(ls -d /sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*:*:*:0 2> /dev/null | head -1)
  [ -n "$first_folder" ] && echo "$first_folder"
}
must 'sd finds its disk' wait_for 20 sh -c 'ls /sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/sd*'
local_sg=/dev/$(first_in "$(debug_folder)"/scsi_generic/sg*)
local_disk=/dev/$(first_in "$(debug_folder)"/block/sd*)
say "scsi_debug: $local_sg, $local_disk"

must 'Lunloom starts in front of both' serve --lun "6=passthrough:$local_sg" --lun "5=passthrough:iscsi://$PASSTHROUGH_PORTAL/$PASSTHROUGH_TARGET/0"
must 'open-iscsi logs in' login $served_target 127.0.0.1:3260
must 'sd finds the disk behind /dev/sg' wait_for 30 disk_of 6
must 'sd finds the disk of the host' wait_for 30 disk_of 5
disk=$(disk_of 6)
sg=$(generic_of 6)
say "passed through: $sg, $disk"

# alike NAME COMMAND… – the command, with the device behind it, says the same of both.
alike() {
  alike_name=$1
  shift
  "$@" "$local_sg" > /tmp/local 2>&1
  alike_status=$?
  "$@" "$sg" > /tmp/passed 2>&1
  [ $? = $alike_status ] || echo "exit status differs from $alike_status" >> /tmp/passed
  # Names of the device files are not the device's.
  sed -i "s,$local_sg,DEVICE,g" /tmp/local
  sed -i "s,$sg,DEVICE,g" /tmp/passed
  check "$alike_name" same_text /tmp/local /tmp/passed
}

same_text() {
  cat "$2"
  diff "$1" "$2"
}

alike 'INQUIRY is the same through Lunloom' sg_inq -H -l 96
alike 'the page of the serial number is the same' sg_vpd -p sn
alike 'the page of device identification is the same' sg_vpd -p di
alike 'the page of block limits is the same' sg_vpd -p bl
alike 'every page is the same' sg_vpd -a
alike 'READ CAPACITY is the same' sg_readcap -16
alike 'the mode pages are the same' sg_modes -a
alike 'the table of commands is the same' sg_opcodes
alike 'the log pages are the same' sg_logs -p 0
read_beyond() { sg_raw -v -r 512 "$1" 28 00 ff ff ff ff 00 00 01 00; }
alike 'sense data of a wrong address is the same' read_beyond

random_file /tmp/written 512
check 'data is written through Lunloom' dd if=/tmp/written of="$disk" bs=65536 seek=16 oflag=direct conv=fsync
check 'it is read from the device itself' dd if="$local_disk" of=/tmp/read bs=65536 skip=16 count=32 iflag=direct
check 'the device has what was written through Lunloom' same /tmp/written /tmp/read
random_file /tmp/written 512
check 'data is written to the device itself' dd if=/tmp/written of="$local_disk" bs=65536 seek=64 oflag=direct conv=fsync
check 'it is read through Lunloom' dd if="$disk" of=/tmp/read bs=65536 skip=64 count=32 iflag=direct
check 'Lunloom reads what the device has' same /tmp/written /tmp/read
check 'a file system is made through Lunloom' mke2fs -F "$disk"
check 'it mounts through Lunloom' mount -t ext4 "$disk" /mnt
check 'a file is written to it' cp /tmp/written /mnt/file
check 'it is unmounted' umount /mnt
blockdev --flushbufs "$local_disk"
check 'it mounts from the device itself' mount -t ext4 -o ro "$local_disk" /mnt
check 'the file is there' same /tmp/written /mnt/file
umount /mnt

# scsi_debug has a medium error at LBA 1234h now.
echo 2 > /sys/bus/pseudo/drivers/scsi_debug/opts
answers 'a medium error comes with its sense' 'Medium Error' sg_raw -v -r 512 "$sg" 28 00 00 00 12 34 00 00 01 00
answers 'and with the address where it is' '00 ?00 12 34' sg_raw -v -r 512 "$sg" 28 00 00 00 12 34 00 00 01 00
echo 0 > /sys/bus/pseudo/drivers/scsi_debug/opts
check 'a logical unit reset passes' sg_reset -d "$sg"
check 'the disk is there after it' wait_for 10 sg_turs "$sg"

# The device goes and comes back; its file has the same name again, since nobody holds the one that went.
debug_host=$(dirname "$(dirname "$(debug_folder)")")
echo 1 > "$(debug_folder)/delete"
check 'the device is gone' wait_for 10 sh -c "[ ! -e $local_sg ]"
answers 'a command for it tells so' 'Not Ready|Hardware Error|Aborted Command' sg_raw -v "$sg" 00 00 00 00 00 00
check_says 'the other device does not mind' 'VIRTUAL-DISK' sg_inq "$(generic_of 5)"
echo '- - -' > "$debug_host/scsi_host/$(basename "$debug_host")/scan"
check 'the device is back' wait_for 10 sh -c "[ -e $local_sg ]"
check 'Lunloom finds it by itself' wait_for 60 sg_turs "$sg"
local_disk=/dev/$(first_in "$(debug_folder)"/block/sd*)
check 'it is read through Lunloom again' dd if="$disk" of=/tmp/passed-data bs=65536 skip=64 count=32 iflag=direct
check 'and by itself' dd if="$local_disk" of=/tmp/local-data bs=65536 skip=64 count=32 iflag=direct
check 'both read the same' same /tmp/passed-data /tmp/local-data

remote=$(disk_of 5)
random_file /tmp/written 512
check 'data is written to the disk of the host' dd if=/tmp/written of="$remote" bs=65536 oflag=direct conv=fsync
check 'it is read from there' dd if="$remote" of=/tmp/read bs=65536 count=32 iflag=direct
check 'it is the same' same /tmp/written /tmp/read
check 'open-iscsi logs in to the host' login "$PASSTHROUGH_TARGET" "$PASSTHROUGH_PORTAL"
check 'sd finds the disk of the host without Lunloom between' wait_for 30 disk_of 0
check 'it is read without Lunloom between' dd if="$(disk_of 0)" of=/tmp/read bs=65536 count=32 iflag=direct
check 'it holds what was written through Lunloom' same /tmp/written /tmp/read
check 'open-iscsi logs out of the host' logout
check 'open-iscsi logs out' iscsiadm -m node -T $served_target -p 127.0.0.1:3260 -u
check 'Lunloom stops' stop_serving
check 'scsi_debug is free again' modprobe -r scsi_debug
