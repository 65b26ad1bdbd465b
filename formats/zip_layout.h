/*
 * zip_layout.h - the records of a zip archive, for its reader and its writer
 *
 *	local header	50 4b 03 04, version 2, flags 2, method 2, time 2,
 *			date 2, crc 4, csize 4, usize 4, name length 2,
 *			extra length 2
 *	central header	50 4b 01 02, made by 2, version 2, flags 2, method 2,
 *			time 2, date 2, crc 4, csize 4, usize 4, name length 2,
 *			extra length 2, comment length 2, disk 2,
 *			internal 2, external attributes 4, header offset 4
 *	zip64 end	50 4b 06 06, size of rest 8, made by 2, version 2,
 *			disk 4, directory disk 4, members here 8, members 8,
 *			directory size 8, directory offset 8
 *	zip64 locator	50 4b 06 07, disk 4, offset of zip64 end 8, disks 4
 *	end		50 4b 05 06, disk 2, directory disk 2, members here 2,
 *			members 2, directory size 4, directory offset 4,
 *			comment length 2
 *	descriptor	[50 4b 07 08,] crc 4, csize 4 or 8, usize 4 or 8
 *	zip64 field	01 00, length 2, and 8 for each of usize, csize and
 *			header offset that is all ones where it should stand
 */
#ifndef FORMATS_ZIP_LAYOUT_H
#define FORMATS_ZIP_LAYOUT_H

#define ZIP_LOCAL_MAGIC 0x04034b50u
#define ZIP_CENTRAL_MAGIC 0x02014b50u
#define ZIP_END_MAGIC 0x06054b50u
#define ZIP_END64_MAGIC 0x06064b50u
#define ZIP_LOCATOR_MAGIC 0x07064b50u
#define ZIP_DESCRIPTOR_MAGIC 0x08074b50u

enum {
	ZIP_LOCAL_SIZE = 30, ZIP_CENTRAL_SIZE = 46, ZIP_END_SIZE = 22,
	ZIP_END64_SIZE = 56, ZIP_LOCATOR_SIZE = 20,
	ZIP_EXTRA_ZIP64 = 0x0001
};

#endif
