# An array controller as LUN 0.
. /test/lib.sh

must 'open-iscsi logs in' login "$CONTROLLER_TARGET" "$CONTROLLER_PORTAL"
must 'sg finds the controller' wait_for 30 generic_of 0
must 'sd finds the disk beside it' wait_for 30 disk_of 1
sg=$(generic_of 0)
check_says 'it is an array controller' 'PDT=12' sg_inq "$sg"
decodes 'sg_inq decodes standard INQUIRY' sg_inq "$sg"
decodes 'sg_vpd decodes every page' sg_vpd -a "$sg"
decodes 'sg_turs finds it ready' sg_turs -n 5 "$sg"
check_says 'sg_luns finds every LUN' 'number of luns *= *2|imply 2 lun entries|Lun list length = 16' sg_luns "$sg"
decodes 'sg_requests decodes REQUEST SENSE' sg_requests "$sg"
decodes 'sg_opcodes decodes the table of commands' sg_opcodes "$sg"
check_says 'lsscsi lists both' 'storage.*LUNLOOM' lsscsi -g
check_fails 'it has no blocks to read' sg_dd if="$sg" of=/dev/null bs=512 count=1
check 'open-iscsi logs out' logout
