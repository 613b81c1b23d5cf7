# Lunloom in the guest: served and used by the same machine, over loopback.
. /test/lib.sh
. /test/serve.sh

must 'Lunloom starts in the guest' serve --lun 0=ram:16MiB --lun 1=file:/tmp/inside.img,size=8MiB
check_says 'open-iscsi discovers it' "$served_target" iscsiadm -m discovery -t sendtargets -p 127.0.0.1:3260
login_target=$served_target
login_portal=127.0.0.1:3260
must 'open-iscsi logs in' iscsiadm -m node -T "$login_target" -p "$login_portal" -l
for lun in 0 1; do
  check "sd finds LUN $lun" wait_for 30 disk_of $lun
  disk=$(disk_of $lun)
  random_file /tmp/written 256
  check "LUN $lun is written" dd if=/tmp/written of="$disk" bs=65536 oflag=direct conv=fsync
  check "LUN $lun is read" dd if="$disk" of=/tmp/read bs=65536 count=16 iflag=direct
  check "LUN $lun holds what was written" same /tmp/written /tmp/read
done
check 'its own client reads it too' node /lunloom/bin/lunloom.js inquire "iscsi://127.0.0.1/$served_target/1"
check 'open-iscsi logs out' logout
check 'Lunloom stops' stop_serving
