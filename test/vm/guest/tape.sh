# What st, mt and tar do with a tape drive; the scenarios differ in the way that leads to it.

position_of() { mt-st -f "$tape" tell | sed -n 's/^At block \([0-9]*\).*/\1/p'; }

# at FILE BLOCK – where st says that it is; it has no block number, -1, at the end of data.
at() {
  mt-st -f "$tape" status > /tmp/mt-status
  cat /tmp/mt-status
  grep -q "File number=$1, block number=$2" /tmp/mt-status
}

tape_commands() {
  check_says 'mt status: the drive is there with a tape in it' 'BOT.*ONLINE|ONLINE.*BOT' sh -c "mt-st -f $tape status | tr '\n' ' '"
  check 'mt rewind' mt-st -f "$tape" rewind
  check 'mt setblk 0' mt-st -f "$tape" setblk 0
  check_says 'the block size is variable' 'block size 0 bytes' mt-st -f "$tape" status
}

# Three archives in variable blocks of 10 KiB, which is what tar does unless told.
tape_archives() {
  for archive in 1 2 3; do
    make_tree /tmp/tree-$archive $((archive * 3))
    check "tar writes archive $archive" tar -C /tmp/tree-$archive -cf "$tape" .
  done
  check 'st is behind the third filemark' at 3 0
  check 'mt rewind' mt-st -f "$tape" rewind
  for archive in 1 2 3; do
    rm -rf /tmp/out && mkdir /tmp/out
    check "tar reads archive $archive" tar -C /tmp/out -xf "$tape"
    check "archive $archive is the same" same_tree /tmp/tree-$archive /tmp/out
    # tar leaves the tape in front of the filemark that ends its archive.
    [ $archive = 3 ] || check "mt fsf passes the filemark behind archive $archive" mt-st -f "$tape" fsf 1
  done
}

tape_spacing() {
  check 'mt rewind' mt-st -f "$tape" rewind
  check 'mt fsf 2' mt-st -f "$tape" fsf 2
  check 'that is file 2' at 2 0
  check 'tar compares archive 3 with its files' tar -C /tmp/tree-3 -df "$tape"
  check 'mt eod' mt-st -f "$tape" eod
  check 'that is behind file 2' at 3 -1
  check 'mt bsf 1 goes in front of the filemark' mt-st -f "$tape" bsf 1
  check 'mt fsf 1 behind it again' mt-st -f "$tape" fsf 1
  check 'mt bsfm 2 goes behind the filemark of file 1' mt-st -f "$tape" bsfm 2
  check 'that is file 2 again' at 2 0
  check 'mt fsr 2' mt-st -f "$tape" fsr 2
  check 'that is block 2' at 2 2
  check 'mt bsr 1' mt-st -f "$tape" bsr 1
  check 'that is block 1' at 2 1
  check 'mt asf 1' mt-st -f "$tape" asf 1
  check 'tar compares archive 2 with its files' tar -C /tmp/tree-2 -df "$tape"
  check_fails 'mt fsf beyond the end of data fails' mt-st -f "$tape" fsf 10
}

tape_seeking() {
  check 'mt rewind' mt-st -f "$tape" rewind
  check 'mt fsf 1' mt-st -f "$tape" fsf 1
  check 'mt fsr 1' mt-st -f "$tape" fsr 1
  place=$(position_of)
  say "tell says $place"
  dd if="$tape" of=/tmp/block bs=10240 count=1 2> /dev/null
  check 'mt rewind after tell' mt-st -f "$tape" rewind
  check 'mt seek' mt-st -f "$tape" seek "$place"
  check_says 'tell says where seek went' "At block $place\\." mt-st -f "$tape" tell
  check 'dd reads the block there' dd if="$tape" of=/tmp/block-2 bs=10240 count=1
  check 'it is the same block' same /tmp/block /tmp/block-2
}

tape_block_modes() {
  random_file /tmp/data 240 512
  check 'mt rewind' mt-st -f "$tape" rewind
  check 'mt setblk 512' mt-st -f "$tape" setblk 512
  check_says 'the block size is 512' 'block size 512 bytes' mt-st -f "$tape" status
  check 'dd writes 240 blocks of 512 bytes, 20 a command' dd if=/tmp/data of="$tape" bs=10240
  check 'mt setblk 10240' mt-st -f "$tape" setblk 10240
  check 'dd writes 12 blocks of 10 KiB' dd if=/tmp/data of="$tape" bs=10240
  check 'mt setblk 0' mt-st -f "$tape" setblk 0
  check 'dd writes blocks of 5000 bytes' dd if=/tmp/data of="$tape" bs=5000 count=24
  check 'mt rewind' mt-st -f "$tape" rewind
  check 'mt setblk 512 to read' mt-st -f "$tape" setblk 512
  check 'dd reads blocks of 512 bytes up to the filemark' dd if="$tape" of=/tmp/read bs=5120
  check 'they are the same' same /tmp/data /tmp/read
  check 'mt setblk 10240 to read' mt-st -f "$tape" setblk 10240
  check 'dd reads blocks of 10 KiB' dd if="$tape" of=/tmp/read bs=20480
  check 'they are the same as well' same /tmp/data /tmp/read
  check 'mt setblk 0 to read' mt-st -f "$tape" setblk 0
  check 'dd reads blocks of 5000 bytes with room for more' dd if="$tape" of=/tmp/read bs=65536
  check 'what they hold is the same' sh -c 'head -c 120000 /tmp/data | cmp - /tmp/read'
  check 'mt bsfm over two marks' mt-st -f "$tape" bsfm 2
  answers 'a block longer than the buffer is told' 'Cannot allocate memory|Out of memory' dd if="$tape" of=/tmp/read bs=512 count=1
  check 'mt eod' mt-st -f "$tape" eod
  answers 'a read at the end of data gets nothing' 'Input/output error|I/O error|0\+0 records in' dd if="$tape" of=/tmp/read bs=10240 count=1
}

tape_marks_and_erase() {
  check 'mt rewind' mt-st -f "$tape" rewind
  check 'dd writes a block' dd if=/tmp/data of="$tape" bs=8192 count=1
  check 'mt weof 3' mt-st -f "$tape" weof 3
  check 'st counts marks' at 4 0
  check 'dd writes a block behind them' dd if=/tmp/data of="$tape" bs=8192 count=1
  check 'mt rewind' mt-st -f "$tape" rewind
  check 'mt fsf 4' mt-st -f "$tape" fsf 4
  check 'dd reads the block behind the marks' dd if="$tape" of=/tmp/read bs=8192 count=1
  check 'it is the block' sh -c 'head -c 8192 /tmp/data | cmp - /tmp/read'
  check 'mt asf 1' mt-st -f "$tape" asf 1
  check 'mt erase' mt-st -f "$tape" erase 1
  check 'mt rewind' mt-st -f "$tape" rewind
  check 'mt eod finds the end where it erased' mt-st -f "$tape" eod
  check 'that is file 1' at 1 -1
}

tape_compression() {
  check 'mt rewind' mt-st -f "$tape" rewind
  for setting in 1 0; do
    check "mt compression $setting" mt-st -f "$tape" compression $setting
    dd if=/dev/zero of=/tmp/zeros bs=65536 count=16 2> /dev/null
    check "zeros are written with compression $setting" dd if=/tmp/zeros of="$tape" bs=65536
  done
  check 'mt rewind' mt-st -f "$tape" rewind
  for setting in 1 0; do
    check "the file of compression $setting is read" dd if="$tape" of=/tmp/read bs=65536
    check "it is the same with compression $setting" same /tmp/zeros /tmp/read
  done
}

tape_unload() {
  check 'mt offline' mt-st -f "$tape" offline
  answers 'mt status: no tape is loaded' 'DR_OPEN|No medium' mt-st -f "$tape" status
  check 'mt load' mt-st -f "$tape" load
  check_says 'mt status: the tape is loaded' 'ONLINE' mt-st -f "$tape" status
  # Who loads it gets no unit attention, without which st does not know where it is.
  check 'mt rewind after it' mt-st -f "$tape" rewind
  check_says 'mt status: the tape is at its beginning' 'BOT' mt-st -f "$tape" status
  check 'mt lock' mt-st -f "$tape" lock
  answers 'an unload is refused while removal is prevented' 'Illegal [Rr]equest' sg_raw -v "$sg" 1b 00 00 00 00 00
  check 'mt unlock' mt-st -f "$tape" unlock
}

# Two partitions: st formats with the medium partition page.
tape_partitions() {
  check 'mt stsetoptions can-partitions' mt-st -f "$tape" stsetoptions can-partitions
  check 'mt rewind' mt-st -f "$tape" rewind
  check 'mt mkpartition 8' mt-st -f "$tape" mkpartition 8
  for partition in 1 0; do
    random_file /tmp/part-$partition 32
    check "mt setpartition $partition" mt-st -f "$tape" setpartition $partition
    check "dd writes to partition $partition" dd if=/tmp/part-$partition of="$tape" bs=16384
  done
  for partition in 1 0; do
    check "mt setpartition $partition to read" mt-st -f "$tape" setpartition $partition
    check "mt rewind in partition $partition" mt-st -f "$tape" rewind
    check "dd reads partition $partition" dd if="$tape" of=/tmp/read bs=16384
    check "partition $partition holds what was written to it" same /tmp/part-$partition /tmp/read
  done
  check 'mt mkpartition 0 makes it one again' mt-st -f "$tape" mkpartition 0
}

# fill TAPE – writes until it is full; what fits is read back.
tape_end() {
  check 'mt setblk 0 on the short tape' mt-st -f "$1" setblk 0
  random_file /tmp/long 2048
  answers 'a tape that is too short is full at some time' 'No space left on device' dd if=/tmp/long of="$1" bs=32768
  written=$(sed -n 's/^\([0-9]*\)+.* records out/\1/p' "$step_output")
  say "$written blocks were written"
  check 'mt rewind of the full tape' mt-st -f "$1" rewind
  check 'dd reads the full tape' dd if="$1" of=/tmp/read bs=32768
  head -c $((written * 32768)) /tmp/long > /tmp/fitted
  check 'something was written' [ "$written" -gt 0 ]
  check 'all of what was written is there' same /tmp/fitted /tmp/read
}

tape_pages() {
  decodes 'sg_inq decodes standard INQUIRY' sg_inq "$sg"
  check_says 'it is a tape drive' 'PDT=1' sg_inq "$sg"
  decodes 'sg_vpd decodes every page' sg_vpd -a "$sg"
  decodes 'sg_opcodes decodes the table of commands' sg_opcodes "$sg"
  decodes 'sg_opcodes decodes time-outs' sg_opcodes -R "$sg"
  decodes 'sg_opcodes decodes task management' sg_opcodes -t "$sg"
  decodes 'sg_modes decodes every page' sg_modes -a "$sg"
  decodes 'sg_modes decodes every subpage' sg_modes -aa "$sg"
  decodes 'sg_modes decodes every page in six bytes' sg_modes -6 -a "$sg"
  decodes 'sg_logs decodes every page' sg_logs -a "$sg"
  decodes 'sg_read_block_limits decodes READ BLOCK LIMITS' sg_read_block_limits "$sg"
  decodes 'sg_requests decodes REQUEST SENSE' sg_requests "$sg"
  decodes 'sg_turs finds it ready' sg_turs -n 5 "$sg"
  decodes 'sg_luns decodes REPORT LUNS' sg_luns "$sg"
  decodes 'REPORT DENSITY SUPPORT is answered' sg_raw -r 512 "$sg" 44 00 00 00 00 00 00 02 00 00
  decodes 'READ POSITION long is answered' sg_raw -r 32 "$sg" 34 06 00 00 00 00 00 00 00 00
  decodes 'READ POSITION extended is answered' sg_raw -r 32 "$sg" 34 08 00 00 00 00 00 00 20 00
  decodes 'SECURITY PROTOCOL IN lists its protocols' sg_raw -r 512 "$sg" a2 00 00 00 00 00 00 00 02 00 00 00
  decodes 'SECURITY PROTOCOL IN lists the pages of tape data encryption' sg_raw -r 512 "$sg" a2 20 00 00 00 00 00 00 02 00 00 00
  decodes 'SECURITY PROTOCOL IN tells what the encryption can do' sg_raw -r 512 "$sg" a2 20 00 10 00 00 00 00 02 00 00 00
}

# Programs that read a drive's pages their own way.
tape_tools() {
  check_says 'tapeinfo reads the drive' "Vendor ID: 'LUNLOOM" tapeinfo -f "$sg"
  check_says 'tapeinfo finds compression' 'DataCompEnabled: (yes|no)' tapeinfo -f "$sg"
  check_says 'tapeinfo finds where the tape is' 'BOP: yes|Block Position' tapeinfo -f "$sg"
  decodes 'sg_read_attr decodes the attributes of the cartridge' sg_read_attr -v "$sg"
}

# Encryption by stenc: what was written with a key is not read without it.
tape_encryption() {
  make_tree /tmp/tree-1 2
  head -c 32 /dev/urandom | od -An -tx1 -v | tr -d ' \n' > /tmp/key
  echo >> /tmp/key
  echo 'the key' >> /tmp/key
  check_says 'stenc tells that nothing is encrypted' 'off|not enabled|OFF' stenc -f "$tape" --detail
  check 'stenc sets a key' stenc -f "$tape" -e on -k /tmp/key -a 1 --ckod
  check_says 'stenc tells that it encrypts' '[Oo][Nn]|enabled' stenc -f "$tape" --detail
  check 'mt rewind' mt-st -f "$tape" rewind
  check 'tar writes with the key' tar -C /tmp/tree-1 -cf "$tape" .
  check 'mt rewind' mt-st -f "$tape" rewind
  rm -rf /tmp/out && mkdir /tmp/out
  check 'tar reads with the key' tar -C /tmp/out -xf "$tape"
  check 'it is the same' same_tree /tmp/tree-1 /tmp/out
  check 'stenc takes the key away' stenc -f "$tape" -e off
  check 'mt rewind' mt-st -f "$tape" rewind
  check_fails 'dd cannot read without the key' dd if="$tape" of=/tmp/read bs=65536 count=1
  check 'mt rewind' mt-st -f "$tape" rewind
}

# tape_worm TAPE – a cartridge that is written once.
tape_worm() {
  check 'mt setblk 0 on the WORM tape' mt-st -f "$1" setblk 0
  make_tree /tmp/tree-1 2
  check 'tar writes an archive to it' tar -C /tmp/tree-1 -cf "$1" .
  check 'mt rewind of it' mt-st -f "$1" rewind
  check_fails 'what is there is not overwritten' tar -C /tmp/tree-1 -cf "$1" .
  check 'mt rewind of it again' mt-st -f "$1" rewind
  check_fails 'it is not erased' mt-st -f "$1" erase 1
  check 'mt eod of it' mt-st -f "$1" eod
  make_tree /tmp/tree-2 2
  check 'tar appends an archive' tar -C /tmp/tree-2 -cf "$1" .
  check 'mt rewind of it once more' mt-st -f "$1" rewind
  for archive in 1 2; do
    [ $archive = 1 ] || check 'mt asf 1 on it' mt-st -f "$1" asf 1
    rm -rf /tmp/out && mkdir /tmp/out
    check "tar reads archive $archive of it" tar -C /tmp/out -xf "$1"
    check "archive $archive of it is the same" same_tree /tmp/tree-$archive /tmp/out
  done
}

tape_all() {
  tape_commands
  tape_archives
  tape_spacing
  tape_seeking
  tape_block_modes
  tape_marks_and_erase
  tape_compression
  tape_unload
  tape_pages
}
