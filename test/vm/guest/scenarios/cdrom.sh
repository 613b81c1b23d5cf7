# Optical drives by open-iscsi and sr: a disc as CD, the same as DVD.
. /test/lib.sh

must 'open-iscsi logs in' login "$CDROM_TARGET" "$CDROM_PORTAL"

# disc LUN – what every disc shows.
disc() {
  must "sr finds the drive of LUN $1" wait_for 30 cdrom_of "$1"
  cdrom=$(cdrom_of "$1")
  sg=$(generic_of "$1")
  say "LUN $1: $cdrom, $sg"
  check_says "LUN $1 has the size of the image" "^$CDROM_BYTES\$" blockdev --getsize64 "$cdrom"
  check_says "LUN $1 reads as the image, byte for byte" "^$CDROM_SHA256 " sh -c "dd if=$cdrom bs=65536 2>/dev/null | sha256sum"
  for system in iso9660 udf; do
    check "LUN $1 mounts as $system" mount -t $system -o ro "$cdrom" /mnt
    check "LUN $1 as $system: every file has its checksum" sh -c 'cd /mnt && grep -q . sums && sha256sum -c sums'
    check "LUN $1 is unmounted from $system" umount /mnt
  done
}

# sg_get_config wants bitmaps for writing BD-ROM behind those of BD-R, which MMC has not in the BD write feature.
features() {
  sg_get_config "$@" > /tmp/features
  features_status=$?
  grep -v 'additional length \[20\] too short' /tmp/features
  return $features_status
}

disc_pages() {
  decodes "LUN $1: sg_inq decodes standard INQUIRY" sg_inq "$sg"
  check_says "LUN $1: it is an optical drive" 'PDT=5' sg_inq "$sg"
  decodes "LUN $1: sg_vpd decodes every page" sg_vpd -a "$sg"
  decodes "LUN $1: sg_modes decodes every page" sg_modes -a "$sg"
  answers "LUN $1: sdparm decodes every page" 'Control mode page' sdparm -q -a "$sg"
  decodes "LUN $1: sg_get_config decodes every feature" features "$sg"
  check_says "LUN $1: its current profile is $2" "Current profile: $2" sg_get_config "$sg"
  decodes "LUN $1: sg_get_config decodes current features" sg_get_config --current "$sg"
  decodes "LUN $1: sg_readcap decodes READ CAPACITY" sg_readcap "$sg"
  decodes "LUN $1: sg_requests decodes REQUEST SENSE" sg_requests "$sg"
  decodes "LUN $1: sg_turs finds it ready" sg_turs -n 5 "$sg"
  decodes "LUN $1: READ TOC is answered" sg_raw -r 512 "$sg" 43 00 00 00 00 00 00 02 00 00
  decodes "LUN $1: READ TOC of sessions is answered" sg_raw -r 512 "$sg" 43 00 01 00 00 00 00 02 00 00
  decodes "LUN $1: READ DISC INFORMATION is answered" sg_raw -r 512 "$sg" 51 00 00 00 00 00 00 02 00 00
  decodes "LUN $1: READ TRACK INFORMATION is answered" sg_raw -r 512 "$sg" 52 01 00 00 00 01 00 02 00 00
  decodes "LUN $1: MECHANISM STATUS is answered" sg_raw -r 8 "$sg" bd 00 00 00 00 00 00 00 00 08 00 00
  decodes "LUN $1: GET EVENT STATUS NOTIFICATION is answered" sg_raw -r 8 "$sg" 4a 01 00 00 10 00 00 00 08 00
}

disc 1
disc_pages 1 CD-ROM
check_says 'the kernel reads its capabilities page' 'drive name:' cat /proc/sys/dev/cdrom/info
check_says 'cd-info reads the table of contents' 'data +(false|true)|Disc mode is listed as: CD-' cd-info --no-cddb --no-device-info "$cdrom"
decodes 'READ CD of user data is answered' sg_raw -r 2048 "$sg" be 00 00 00 00 10 00 00 01 10 00 00
decodes 'READ CD of a whole sector is answered' sg_raw -r 2352 "$sg" be 00 00 00 00 10 00 00 01 f8 00 00
disc 2
disc_pages 2 DVD-ROM
check_says 'dvd+rw-mediainfo decodes the disc' 'Mounted Media: +10h' dvd+rw-mediainfo "$cdrom"
decodes 'READ DISC STRUCTURE tells the physical format' sg_raw -r 2052 "$sg" ad 00 00 00 00 00 00 00 08 04 00 00

cdrom=$(cdrom_of 1)
sg=$(generic_of 1)
check 'the disc is mounted' mount -t iso9660 -o ro "$cdrom" /mnt
answers 'while it is mounted, it cannot be ejected' 'removal prevented|Illegal [Rr]equest' sg_start --eject "$sg"
check 'the disc is unmounted' umount /mnt
check 'it is ejected' eject "$cdrom"
# Else whoever opens the drive closes its tray.
echo 0 > /proc/sys/dev/cdrom/autoclose
answers 'TEST UNIT READY tells that there is no medium' 'Medium not present' sg_raw -v "$sg" 00 00 00 00 00 00
check_fails 'without a disc nothing is mounted' mount -t iso9660 -o ro "$cdrom" /mnt
check 'the tray is closed' eject -t "$cdrom"
check 'the disc is mounted again' wait_for 20 mount -t iso9660 -o ro "$cdrom" /mnt
check 'it is the same disc' sh -c 'cd /mnt && sha256sum -c sums'
umount /mnt

volume() { dd if="$cdrom" bs=2048 skip=16 count=1 2> /dev/null | dd bs=1 skip=40 count=32 2> /dev/null; }
check_says 'the volume has its name' '^FIRST ' volume
ask_host change
is_second() { volume | grep -q '^SECOND '; }
check 'another disc that the host puts in is seen' wait_for 30 is_second
check 'the other disc mounts' mount -t iso9660 -o ro "$cdrom" /mnt
check_says 'it has its own files' 'second' cat /mnt/which
umount /mnt
check 'open-iscsi logs out' logout
