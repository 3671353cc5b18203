// SPDX-License-Identifier: BSD-2-Clause
//
// The pvkit device (PVK_ACPI_HID): call port, doorbell port and mark port.
// This table is given to the guest only when something is offered.
DefinitionBlock ("", "SSDT", 2, "PVKIT", "PVKITDEV", 0x00000001)
{
	Scope (\_SB)
	{
		Device (PVKT)
		{
			Name (_HID, "PVKT0001")
			Name (_UID, Zero)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0700, 0x0700, 0x01, 0x10)
			})
		}
	}
}
