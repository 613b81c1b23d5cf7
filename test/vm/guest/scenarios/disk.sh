# A disk by open-iscsi and sd.
. /test/lib.sh

must 'open-iscsi logs in' login "$DISK_TARGET" "$DISK_PORTAL"
must 'sd finds the disk' wait_for 30 disk_of 0
disk=$(disk_of 0)
sg=$(generic_of 0)
say "disk $disk, generic $sg"

check_says 'its size is the one served' '^33554432$' blockdev --getsize64 "$disk"

random_file /tmp/written 512
check 'dd writes 2 MiB past the page cache' dd if=/tmp/written of="$disk" bs=65536 seek=16 oflag=direct conv=fsync
check 'dd reads it' dd if="$disk" of=/tmp/read bs=65536 skip=16 count=32 iflag=direct
check 'what was read is what was written' same /tmp/written /tmp/read

check 'mkfs makes a file system' mke2fs -F "$disk"
check 'it mounts' mount -t ext4 -o noatime "$disk" /mnt
check 'a file is copied onto it' cp /tmp/written /mnt/file
check 'it unmounts' umount /mnt
check 'it mounts again' mount -t ext4 -o ro "$disk" /mnt
check 'the file is the same' same /tmp/written /mnt/file
umount /mnt

decodes 'sg_inq decodes standard INQUIRY' sg_inq "$sg"
decodes 'sg_vpd decodes every page' sg_vpd -a "$sg"
decodes 'sg_opcodes decodes the table of commands' sg_opcodes "$sg"
decodes 'sg_opcodes decodes time-outs' sg_opcodes -R "$sg"
decodes 'sg_opcodes decodes task management' sg_opcodes -t "$sg"
decodes 'sg_modes decodes every page' sg_modes -a "$sg"
decodes 'sg_modes decodes every subpage' sg_modes -aa "$sg"
decodes 'sg_logs decodes every page' sg_logs -a "$sg"
decodes 'sg_luns decodes REPORT LUNS' sg_luns "$sg"
decodes 'sg_readcap decodes READ CAPACITY 10' sg_readcap "$sg"
decodes 'sg_readcap decodes READ CAPACITY 16' sg_readcap -16 "$sg"
decodes 'sg_requests decodes REQUEST SENSE' sg_requests "$sg"
decodes 'sg_requests decodes descriptor sense' sg_requests --desc "$sg"
decodes 'sg_turs finds it ready' sg_turs -n 10 "$sg"
decodes 'sg_verify verifies blocks' sg_verify -l 0 -c 64 "$sg"
decodes 'sg_sync writes what is cached' sg_sync "$sg"
check 'sg_wr_mode sets D_SENSE' sg_wr_mode -p a -c a,a,6,10 -m 0,0,4,0 "$sg"
answers 'sense data has descriptors now' 'Descriptor format' sg_raw -v -r 512 "$sg" 28 00 ff ff ff ff 00 00 01 00
check 'sg_wr_mode clears D_SENSE' sg_wr_mode -p a -c a,a,2,10 -m 0,0,4,0 "$sg"
answers 'sense data is of fixed format again' 'Fixed format' sg_raw -v -r 512 "$sg" 28 00 ff ff ff ff 00 00 01 00

decodes 'sg_rtpg decodes target port groups' sg_rtpg -d "$sg"
decodes 'sg_timestamp decodes the clock' sg_timestamp "$sg"
decodes 'sg_get_lba_status decodes provisioning' sg_get_lba_status "$sg"
decodes 'sg_copy_results decodes the operating parameters' sg_copy_results -p "$sg"
decodes 'sg_rbuf decodes the buffer' sg_rbuf "$sg"
check 'sg_write_same writes a block often' sg_write_same --lba=4096 --num=64 --in=/dev/zero --xferlen=512 "$sg"
check 'sg_unmap gives blocks back' sg_unmap --force --lba=8192 --num=64 "$sg"
check 'sg_senddiag runs the self-test' sg_senddiag --test "$sg"
check 'sg_reset resets the unit' sg_reset -d "$sg"
answers 'which is told once' 'eset (function )?occurred' sg_raw -v "$sg" 00 00 00 00 00 00

key=0x1234abcd
check 'sg_persist registers' sg_persist -n -o -G -S $key "$sg"
check_says 'sg_persist reads the key' "$key" sg_persist -n -i -k "$sg"
check 'sg_persist reserves' sg_persist -n -o -R -K $key -T 5 "$sg"
check_says 'sg_persist reads the reservation' 'Write Exclusive, registrants only' sg_persist -n -i -r "$sg"
check_says 'sg_persist reads full status' "$INITIATOR_NAME" sg_persist -n -i -s "$sg"
check_says 'sg_persist reads what it can do' 'Write Exclusive, all registrants: 1' sg_persist -i -c "$sg"
check 'sg_persist releases' sg_persist -n -o -L -K $key -T 5 "$sg"
check 'sg_persist clears' sg_persist -n -o -C -K $key "$sg"

check 'open-iscsi logs out' logout

for digest in HeaderDigest DataDigest; do
  iscsiadm -m node -T "$login_target" -p "$login_portal" -o update -n "node.conn[0].iscsi.$digest" -v CRC32C
done
must 'open-iscsi logs in with digests' iscsiadm -m node -T "$login_target" -p "$login_portal" -l
check_says 'both digests are in use' 'CRC32C.*CRC32C' sh -c 'iscsiadm -m session -P 2 | grep Digest: | tr "\n" " "'
must 'sd finds the disk again' wait_for 30 disk_of 0
disk=$(disk_of 0)
random_file /tmp/written 512
check 'dd writes with digests' dd if=/tmp/written of="$disk" bs=262144 oflag=direct conv=fsync
check 'dd reads with digests' dd if="$disk" of=/tmp/read bs=262144 count=8 iflag=direct
check 'digests changed nothing' same /tmp/written /tmp/read
check 'open-iscsi logs out of the session with digests' logout
