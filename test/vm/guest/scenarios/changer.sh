# A library with two tape drives: mtx and the kernel's ch move cartridges, tar writes and reads them.
. /test/lib.sh

must 'open-iscsi logs in' login "$CHANGER_TARGET" "$CHANGER_PORTAL"
must 'sg finds the changer' wait_for 30 generic_of 0
must 'ch finds the changer' wait_for 30 changer_of 0
sg=$(generic_of 0)
changer=$(changer_of 0)
must 'st finds the first drive' wait_for 30 tape_of 1
must 'st finds the second drive' wait_for 30 tape_of 2
drive0=$(tape_of 1)
drive1=$(tape_of 2)
say "changer $sg $changer, drives $drive0 $drive1"

mtx() { /usr/sbin/mtx -f "$sg" "$@"; }

decodes 'sg_inq decodes standard INQUIRY' sg_inq "$sg"
check_says 'it is a changer' 'PDT=8' sg_inq "$sg"
decodes 'sg_vpd decodes every page' sg_vpd -a "$sg"
decodes 'sg_modes decodes every page' sg_modes -a "$sg"
answers 'sdparm decodes every page' 'Control mode page' sdparm -q -a "$sg"
decodes 'sg_opcodes decodes the table of commands' sg_opcodes "$sg"
decodes 'sg_logs decodes every page' sg_logs -a "$sg"
decodes 'sg_requests decodes REQUEST SENSE' sg_requests "$sg"
decodes 'sg_turs finds it ready' sg_turs -n 5 "$sg"

check_says 'mtx inquiry' 'Medium Changer' mtx inquiry
check 'mtx inventory' mtx inventory
check_says 'mtx status counts drives and elements' '3 Drives, 6 Slots \( 1 Import/Export \)' mtx status
check_says 'mtx status shows a barcode' 'Storage Element 1:Full :VolumeTag=LUN001L6' mtx status

check 'mtx loads cartridge 1 into drive 0' mtx load 1 0
check_says 'mtx status shows where it came from' 'Data Transfer Element 0:Full \(Storage Element 1 Loaded\):VolumeTag ?= ?LUN001L6' mtx status
check 'the drive becomes ready' wait_for 30 sh -c "mt-st -f $drive0 status | grep -q ONLINE"
make_tree /tmp/tree-1 4
check 'tar writes the cartridge' tar -C /tmp/tree-1 -cf "$drive0" .
check 'the drive gives it out' mt-st -f "$drive0" offline
check 'mtx unloads it to slot 4' mtx unload 4 0
check_says 'slot 4 has it' 'Storage Element 4:Full :VolumeTag=LUN001L6' mtx status

check 'mtx loads cartridge 2 into drive 0' mtx load 2 0
check 'the drive becomes ready with cartridge 2' wait_for 30 sh -c "mt-st -f $drive0 status | grep -q ONLINE"
make_tree /tmp/tree-2 2
check 'tar writes cartridge 2' tar -C /tmp/tree-2 -cf "$drive0" .
check 'mt offline' mt-st -f "$drive0" offline
check 'mtx unloads it to its slot' mtx unload 2 0

check 'mtx transfers cartridge 1 to slot 1' mtx transfer 4 1
check 'mtx transfers it to the import/export slot' mtx transfer 1 6
check_says 'the import/export slot has it' 'Storage Element 6 IMPORT/EXPORT:Full :VolumeTag=LUN001L6' mtx status
check 'mtx transfers it to slot 4' mtx transfer 6 4
check 'mtx exchanges it with that of slot 2' mtx exchange 4 2
check_says 'they have changed places' 'Storage Element 2:Full :VolumeTag=LUN001L6' mtx status

check 'cartridge 1 goes into drive 1' mtx load 2 1
check 'drive 1 becomes ready' wait_for 30 sh -c "mt-st -f $drive1 status | grep -q ONLINE"
mkdir -p /tmp/out
check 'tar reads cartridge 1 there' tar -C /tmp/out -xf "$drive1"
check 'it holds what drive 0 wrote' same_tree /tmp/tree-1 /tmp/out
check 'mt offline in drive 1' mt-st -f "$drive1" offline

check_fails 'an empty slot has nothing to load' mtx load 2 0
check_fails 'a full drive takes nothing' mtx load 3 1
answers 'and the changer says why' 'Medium destination element full' sg_raw -v "$sg" a5 00 00 00 02 01 01 02 00 00 00 00

check_says 'ch tells the elements' '"pickers":1,.*"slots":5,"portals":1,"drives":3' node /test/ch.mjs "$changer" params
check_says 'ch finds the cartridge in drive 1' '"full":true.*LUN001L6' node /test/ch.mjs "$changer" element drive 1
check 'ch moves it from drive 1 to slot 1' node /test/ch.mjs "$changer" move drive 1 slot 0
check_says 'ch finds it there' '"full":true.*LUN001L6' node /test/ch.mjs "$changer" element slot 0
check 'ch moves it into drive 0' node /test/ch.mjs "$changer" move slot 0 drive 0
check 'drive 0 becomes ready' wait_for 30 sh -c "mt-st -f $drive0 status | grep -q ONLINE"
rm -rf /tmp/out && mkdir /tmp/out
check 'tar reads it once more' tar -C /tmp/out -xf "$drive0"
check 'it still holds what was written' same_tree /tmp/tree-1 /tmp/out
check 'ch initializes element status' node /test/ch.mjs "$changer" init
check 'ch positions the picker' node /test/ch.mjs "$changer" position slot 2
check 'mt offline at the end' mt-st -f "$drive0" offline
check 'mtx unloads at the end' mtx unload 1 0

must 'sr finds the optical drive' wait_for 30 cdrom_of 3
cdrom=$(cdrom_of 3)
check_fails 'it is empty' mount -t iso9660 -o ro "$cdrom" /mnt
check_fails 'it takes no tape' mtx load 1 2
check 'mtx loads a disc' mtx load 5 2
check 'the disc mounts' wait_for 20 mount -t iso9660 -o ro "$cdrom" /mnt
check 'every file on it has its checksum' sh -c 'cd /mnt && sha256sum -c sums'
check_fails 'while it is mounted, the picker does not get it' mtx unload 5 2
check 'it is unmounted' umount /mnt
check 'mtx unloads the disc' mtx unload 5 2

ask_host add
has_added() { mtx status | grep -q 'Storage Element 6 IMPORT/EXPORT:Full :VolumeTag=LUN009L6'; }
check 'a cartridge that the host adds is seen' wait_for 30 has_added
check 'it is loaded' mtx load 6 1
check 'drive 1 becomes ready with it' wait_for 30 sh -c "mt-st -f $drive1 status | grep -q ONLINE"
check 'it is unloaded' mtx unload 6 1
ask_host remove
has_removed() { mtx status | grep -q 'Storage Element 6 IMPORT/EXPORT:Empty'; }
check 'when the host removes it, it is gone' wait_for 30 has_removed
check_says 'loaderinfo decodes the library' 'Number of Storage Elements: 5' loaderinfo -f "$sg"
check 'open-iscsi logs out' logout
