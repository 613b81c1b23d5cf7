# Tape drives of the host behind Lunloom in the guest: one by its initiator, one by the guest's own /dev/sg.
. /test/lib.sh
. /test/serve.sh
. /test/tape.sh

must 'open-iscsi logs in to the host' login "$PASSTHROUGH_TAPE_TARGET" "$PASSTHROUGH_TAPE_PORTAL"
must 'sg finds the drive of the host' wait_for 30 generic_of 2
local_sg=$(generic_of 2)
remote="iscsi://$PASSTHROUGH_TAPE_PORTAL/$PASSTHROUGH_TAPE_TARGET"
must 'Lunloom starts in front of both' serve --lun "1=passthrough:$remote/1" --lun "2=passthrough:$local_sg" --lun 0=bridge
must 'open-iscsi logs in to it' login $served_target 127.0.0.1:3260
must 'sg finds the bridge' wait_for 30 generic_of 0
sg=$(generic_of 0)
check_says 'it is a bridge controller' 'PDT=16' sg_inq "$sg"
check 'it becomes ready' wait_for 10 sg_turs "$sg"
decodes 'sg_inq decodes standard INQUIRY of the bridge' sg_inq "$sg"
decodes 'sg_vpd decodes every page of the bridge' sg_vpd -a "$sg"
decodes 'sg_opcodes decodes the table of commands of the bridge' sg_opcodes "$sg"
decodes 'sg_turs finds the bridge ready' sg_turs -n 5 "$sg"

for lun in 1 2; do
  must "st finds the drive passed through as LUN $lun" wait_for 30 tape_of $lun
  tape=$(tape_of $lun)
  sg=$(generic_of $lun)
  say "LUN $lun: tape $tape, generic $sg"
  tape_commands
  tape_archives
  tape_spacing
  tape_seeking
  tape_block_modes
  tape_marks_and_erase
done
check 'open-iscsi logs out' logout
check 'Lunloom stops' stop_serving
