// SPDX-License-Identifier: BSD-2-Clause
//
// The machine as far as a stock kernel asks ACPI about it: power-off, the PCI
// root and its windows, and the legacy chips that are found by ACPI only.
// Ports and interrupts are those of emu/emu.h.
DefinitionBlock ("", "DSDT", 2, "PVKIT", "PVKITVM", 0x00000001)
{
	// SLP_TYP 5 ends the VM (emu/acpi_pm.c). No other sleep state.
	Name (\_S5, Package () { 0x05, 0x05, Zero, Zero })

	// Which interrupt controllers the kernel uses, One: the IOAPIC. Then the
	// ISA bridge does not bring PCI interrupts to the 8259s.
	Name (PICM, Zero)
	Method (\_PIC, 1, Serialized)
	{
		Store (Arg0, PICM)
		If (LEqual (Arg0, One))
		{
			Store (0x80808080, \_SB.PCI0.ISA.PIRQ)
		}
		Else
		{
			Store (0x0b0b0b0b, \_SB.PCI0.ISA.PIRQ)
		}
	}

	Scope (\_SB)
	{
		// Processors, as many as the MADT has: boot/acpi.c puts their number in.
		Name (NCPU, 0xff)
		Method (CSTA, 1, NotSerialized)
		{
			If (LLess (Arg0, NCPU))
			{
				Return (0x0f)
			}
			Return (Zero)
		}
		Device (CPU0)
		{
			Name (_HID, "ACPI0007")
			Name (_UID, 0)
			Method (_STA, 0, NotSerialized) { Return (CSTA (0)) }
		}
		Device (CPU1)
		{
			Name (_HID, "ACPI0007")
			Name (_UID, 1)
			Method (_STA, 0, NotSerialized) { Return (CSTA (1)) }
		}
		Device (CPU2)
		{
			Name (_HID, "ACPI0007")
			Name (_UID, 2)
			Method (_STA, 0, NotSerialized) { Return (CSTA (2)) }
		}
		Device (CPU3)
		{
			Name (_HID, "ACPI0007")
			Name (_UID, 3)
			Method (_STA, 0, NotSerialized) { Return (CSTA (3)) }
		}

		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A03"))
			Name (_BBN, Zero)
			Name (_UID, Zero)
			Name (_CRS, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					0x0000, 0x0000, 0x00ff, 0x0000, 0x0100)
				IO (Decode16, 0x0cf8, 0x0cf8, 0x01, 0x08)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0x0000, 0x0000, 0x0cf7, 0x0000, 0x0cf8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0x0000, 0x0d00, 0xffff, 0x0000, 0xf300)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					NonCacheable, ReadWrite,
					0x00000000, 0xc0000000, 0xfebfffff, 0x00000000, 0x3ec00000)
			})

			// INTA of the NICs, HS_PCI_NIC(n): HS_IRQ_NIC(n), or for the 8259s
			// HS_IRQ_NIC_PIC. PCI's default: level-triggered.
			Name (PRTA, Package ()
			{
				Package () { 0x0002ffff, Zero, Zero, 20 },
				Package () { 0x0003ffff, Zero, Zero, 21 },
				Package () { 0x0004ffff, Zero, Zero, 22 },
				Package () { 0x0005ffff, Zero, Zero, 23 }
			})
			Name (PRTP, Package ()
			{
				Package () { 0x0002ffff, Zero, Zero, 11 },
				Package () { 0x0003ffff, Zero, Zero, 11 },
				Package () { 0x0004ffff, Zero, Zero, 11 },
				Package () { 0x0005ffff, Zero, Zero, 11 }
			})
			Method (_PRT, 0, NotSerialized)
			{
				If (LEqual (PICM, One))
				{
					Return (PRTA)
				}
				Return (PRTP)
			}

			Device (ISA)
			{
				Name (_ADR, 0x00010000)
				OperationRegion (ROUT, PCI_Config, 0x60, 0x04)
				Field (ROUT, DWordAcc, NoLock, Preserve)
				{
					PIRQ, 32
				}

				Device (RTC)
				{
					Name (_HID, EisaId ("PNP0B00"))
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x0070, 0x0070, 0x01, 0x02)
						IRQNoFlags () { 8 }
					})
				}

				Device (KBD)
				{
					Name (_HID, EisaId ("PNP0303"))
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x0060, 0x0060, 0x01, 0x01)
						IO (Decode16, 0x0064, 0x0064, 0x01, 0x01)
						IRQNoFlags () { 1 }
					})
				}

				// The controller's second interface; nothing is plugged in there, either.
				Device (MOU)
				{
					Name (_HID, EisaId ("PNP0F13"))
					Name (_CRS, ResourceTemplate ()
					{
						IRQNoFlags () { 12 }
					})
				}

				Device (COM1)
				{
					Name (_HID, EisaId ("PNP0501"))
					Name (_UID, One)
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x03f8, 0x03f8, 0x01, 0x08)
						IRQNoFlags () { 4 }
					})
				}
			}
		}
	}
}
