# What the scenarios share. A step prints its name, its output behind '| ', and a RESULT line that the host reads.
. /test/settings
cd /tmp
step_output=/tmp/step-output

# busybox's shell takes its own programs first; the scenarios are about Debian's.
tar() { /usr/bin/tar "$@"; }
modprobe() { /usr/sbin/modprobe "$@"; }
lsscsi() { /usr/bin/lsscsi "$@"; }

say() { echo "| $*"; }

# result STATUS NAME: ok when STATUS is 0.
result() {
  if [ "$1" = 0 ]; then echo "RESULT ok $2"; else echo "RESULT FAILED $2"; fi
  return "$1"
}

# ask_host WORD – the host does what the scenario has under that name, at some time.
ask_host() { echo "ASK $1"; }

seconds_up() { cut -d. -f1 /proc/uptime; }

run_step() {
  step_name=$1
  shift
  echo "STEP $step_name: $*"
  step_start=$(seconds_up)
  "$@" > "$step_output" 2>&1 < /dev/null
  step_status=$?
  step_seconds=$(($(seconds_up) - step_start))
  [ $step_seconds -lt 5 ] || say "it took $step_seconds s"
  head -c 60000 "$step_output" | tr -d '\r\000' | awk '{ print "| " $0 }'
  return $step_status
}

# check NAME COMMAND…: it must succeed.
check() {
  run_step "$@"
  [ $step_status = 0 ] || say "exit status $step_status"
  result $step_status "$step_name"
}

# must NAME COMMAND…: as check; without it there is no use in going on.
must() { check "$@" || exit 1; }

# check_fails NAME COMMAND…: it must not.
check_fails() {
  run_step "$@"
  [ $step_status != 0 ]
  result $? "$step_name"
}

# check_says NAME PATTERN COMMAND…: it must succeed and print a line that matches the extended regular expression.
check_says() {
  says_pattern=$2
  says_name=$1
  shift 2
  run_step "$says_name" "$@"
  if [ $step_status != 0 ]; then
    say "exit status $step_status"
    result 1 "$step_name"
  elif tr -d '\000' < "$step_output" | grep -qE -- "$says_pattern"; then
    result 0 "$step_name"
  else
    say "nothing matches: $says_pattern"
    result 1 "$step_name"
  fi
}

# answers NAME PATTERN COMMAND…: as check_says, however it ends.
answers() {
  says_pattern=$2
  says_name=$1
  shift 2
  run_step "$says_name" "$@"
  tr -d '\000' < "$step_output" | grep -qE -- "$says_pattern" || say "nothing matches: $says_pattern"
  tr -d '\000' < "$step_output" | grep -qE -- "$says_pattern"
  result $? "$step_name"
}

# What sg3-utils says of a response that it cannot make sense of.
MALFORMED='malformed|truncated|too short|decode fail|failed to decode|bad |invalid response|unexpected|should be|response length|fetched .* but|nonsens'

# decodes NAME COMMAND…: it must succeed and find nothing malformed.
decodes() {
  run_step "$@"
  if [ $step_status != 0 ]; then
    say "exit status $step_status"
    result 1 "$step_name"
  elif grep -v 'to see the rest' "$step_output" | grep -niE "$MALFORMED" > /tmp/malformed; then
    sed 's/^/| MALFORMED? /' /tmp/malformed
    result 1 "$step_name"
  else
    result 0 "$step_name"
  fi
}

# wait_for SECONDS COMMAND…
wait_for() {
  wait_left=$(($1 * 5))
  shift
  while ! "$@" > /dev/null 2>&1; do
    wait_left=$((wait_left - 1))
    [ $wait_left -gt 0 ] || return 1
    usleep 200000
  done
}

# login TARGET HOST:PORT – without discovery, which would name the portal as the host sees it.
login() {
  login_target=$1
  login_portal=$2
  iscsiadm -m node -o new -T "$1" -p "$2" > /dev/null || return 1
  iscsiadm -m node -T "$1" -p "$2" -l
}

logout() { iscsiadm -m node -T "$login_target" -p "$login_portal" -u; }

# lun_folder LUN – the device in sysfs of the session to $login_target.
lun_folder() {
  for session in /sys/class/iscsi_session/session*; do
    [ "$(cat "$session/targetname" 2>/dev/null)" = "$login_target" ] || continue
    for found in "$session"/device/target*/*:*:*:"$1"; do
      [ -e "$found/type" ] && echo "$found" && return 0
    done
  done
  return 1
}

first_in() {
  for found in "$@"; do
    [ -e "$found" ] && basename "$found" && return 0
  done
  return 1
}

# disk_of, generic_of, tape_of, changer_of, cdrom_of LUN – the node's path.
node_in() { node_name=$(first_in "$(lun_folder "$1")"/$2) && [ -e "/dev/$node_name" ] && echo "/dev/$node_name"; }
disk_of() { node_in "$1" 'block/sd*'; }
cdrom_of() { node_in "$1" 'block/sr*'; }
generic_of() { node_in "$1" 'scsi_generic/sg*'; }
tape_of() { node_in "$1" 'scsi_tape/nst[0-9]' || node_in "$1" 'scsi_tape/nst[0-9][0-9]'; }
changer_of() { node_in "$1" 'scsi_changer/sch*'; }

# random_file PATH BLOCKS [BLOCKSIZE] – from a generator that is quick even here.
random_file() { dd if=/dev/urandom of="$1" bs="${3:-4096}" count="$2" 2> /dev/null; }

same() { cmp "$1" "$2"; }

# make_tree FOLDER FILES – random files of odd lengths, an empty one and a text among them.
make_tree() {
  rm -rf "$1"
  mkdir -p "$1/deep/er"
  tree_left=$2
  while [ $tree_left -gt 0 ]; do
    random_file "$1/deep/file-$tree_left" $((tree_left * 7)) 1021
    tree_left=$((tree_left - 1))
  done
  : > "$1/deep/er/empty"
  echo 'a line of text' > "$1/a text"
}

tree_sums() { (cd "$1" && find . -type f -exec sha256sum {} + | sort); }

same_tree() {
  tree_sums "$1" > /tmp/sums-1
  tree_sums "$2" > /tmp/sums-2
  cat /tmp/sums-2
  [ -s /tmp/sums-1 ] && cmp /tmp/sums-1 /tmp/sums-2
}

# attached SCENARIO TYPE CLASS/NODE – the device file of the unit of that peripheral device type behind QEMU's initiator. Every scenario's adapters are there
# at once: the name of the target, in the page of device identification, tells them apart.
attached() {
  for found in /sys/bus/virtio/drivers/virtio_scsi/virtio*/host*/target*/*:*:*:*; do
    [ "$(cat "$found/type")" = "$2" ] && grep -qa "lunloom:$1," "$found/vpd_pg83" && node_name=$(first_in "$found"/$3) && echo "/dev/$node_name" && return 0
  done
  return 1
}
