# A tape drive by open-iscsi and st.
. /test/lib.sh
. /test/tape.sh

must 'open-iscsi logs in' login "$TAPE_TARGET" "$TAPE_PORTAL"
must 'st finds the drive' wait_for 30 tape_of 1
must 'st finds the drive with the short tape' wait_for 30 tape_of 2
tape=$(tape_of 1)
sg=$(generic_of 1)
short=$(tape_of 2)
say "tape $tape, generic $sg, short tape $short"

tape_all
tape_tools
tape_encryption
tape_partitions
tape_end "$short"
must 'st finds the drive with the WORM tape' wait_for 30 tape_of 3
tape_worm "$(tape_of 3)"
check 'open-iscsi logs out' logout
