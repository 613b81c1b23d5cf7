# Burner programs write blank discs, and sr mounts what they wrote.
. /test/lib.sh

must 'open-iscsi logs in' login "$BURNER_TARGET" "$BURNER_PORTAL"
for lun in 0 1 2 3; do must "sr finds the drive of LUN $lun" wait_for 30 cdrom_of $lun; done
make_tree /tmp/tree-1 5
make_tree /tmp/tree-2 3
must 'xorrisofs makes an image' xorrisofs -R -J -o /tmp/tree.iso /tmp/tree-1

# holds NAME TREE [FOLDER] – mounts $cdrom and compares. The tray goes out and in before: until then the kernel knows the size that the disc had.
holds() {
  eject "$cdrom"
  eject -t "$cdrom"
  check "$1: it mounts" wait_for 20 mount -t iso9660 -o ro "$cdrom" /mnt
  check "$1: it holds what was burnt" same_tree "$2" "/mnt$3"
  umount /mnt
}

cdrom=$(cdrom_of 1)
check_says 'DVD+RW: dvd+rw-mediainfo knows the blank disc' 'Mounted Media: +1Ah' dvd+rw-mediainfo "$cdrom"
check 'DVD+RW: growisofs writes an image' growisofs -Z "$cdrom=/tmp/tree.iso"
holds 'DVD+RW' /tmp/tree-1
check 'DVD+RW: growisofs writes another over it' growisofs -use-the-force-luke=tty -Z "$cdrom" -R -J -quiet /tmp/tree-2
holds 'DVD+RW again' /tmp/tree-2

cdrom=$(cdrom_of 2)
check_says 'DVD+R: dvd+rw-mediainfo knows the blank disc' 'Mounted Media: +1Bh' dvd+rw-mediainfo "$cdrom"
check 'DVD+R: growisofs writes a session' growisofs -Z "$cdrom" -R -J -quiet -graft-points /one=/tmp/tree-1
holds 'DVD+R' /tmp/tree-1 /one
check 'DVD+R: growisofs appends a session' growisofs -M "$cdrom" -R -J -quiet -graft-points /two=/tmp/tree-2
holds 'DVD+R, first session' /tmp/tree-1 /one
holds 'DVD+R, second session' /tmp/tree-2 /two
check_says 'DVD+R: dvd+rw-mediainfo sees the sessions' 'Number of Sessions: +[23]' dvd+rw-mediainfo "$cdrom"

cdrom=$(cdrom_of 3)
check_says 'BD-RE: dvd+rw-mediainfo knows the blank disc' 'Mounted Media: +43h' dvd+rw-mediainfo "$cdrom"
check 'BD-RE: xorriso formats it' xorriso -abort_on FAILURE -outdev "$cdrom" -format as_needed
check 'BD-RE: xorriso writes files' xorriso -abort_on FAILURE -outdev "$cdrom" -map /tmp/tree-1 / -commit
holds 'BD-RE' /tmp/tree-1
check 'BD-RE: xorriso adds files' xorriso -abort_on FAILURE -dev "$cdrom" -map /tmp/tree-2 /two -commit
holds 'BD-RE, added files' /tmp/tree-2 /two

# wodim puts the LUN into the CDB, as in the days of SCSI-2, so that this drive has to be LUN 0.
cdrom=$(cdrom_of 0)
check 'CD-RW: wodim burns the image' wodim -force -data dev="$cdrom" /tmp/tree.iso
holds 'CD-RW' /tmp/tree-1
check 'CD-RW: wodim blanks it' wodim -force blank=fast dev="$cdrom"
check_fails 'CD-RW: there is nothing to mount on it' mount -t iso9660 -o ro "$cdrom" /mnt
check 'CD-RW: wodim burns it again' wodim -force -data dev="$cdrom" /tmp/tree.iso
holds 'CD-RW again' /tmp/tree-1
check 'open-iscsi logs out' logout
