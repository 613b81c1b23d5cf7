# An object storage device. Linux lost its osd driver with version 5.2, and since 5.18 no CDB of more than 32 bytes passes its SCSI layer: OSD commands
# have 200 and more. What is left to a driver is SPC, and that the device is no harm to those around it.
. /test/lib.sh

must 'open-iscsi logs in' login "$OSD_TARGET" "$OSD_PORTAL"
must 'sg finds the device' wait_for 30 generic_of 0
sg=$(generic_of 0)
check_says 'it is an object storage device' 'PDT=17' sg_inq "$sg"
decodes 'sg_inq decodes standard INQUIRY' sg_inq "$sg"
decodes 'sg_vpd decodes every page' sg_vpd -a "$sg"
decodes 'sg_turs finds it ready' sg_turs -n 5 "$sg"
decodes 'sg_requests decodes REQUEST SENSE' sg_requests "$sg"
decodes 'sg_luns decodes REPORT LUNS' sg_luns "$sg"
cdb="7f 00 00 00 00 00 00 c0 88 05"
cdb="$cdb $(yes 00 | head -190 | tr '\n' ' ')"
check_fails 'the kernel refuses an OSD command for its length' sg_raw -r 512 "$sg" $cdb
check_says 'and the device has not minded' 'PDT=17' sg_inq "$sg"
check 'open-iscsi logs out' logout
