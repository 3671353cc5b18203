/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries of the tests' guest (probe.c), one for each way of pvkit-vm's --boot:
 *   start64     64-bit mode, RSI = zero page (Linux, Documentation/x86/boot.rst)
 *   start_pvh   32-bit mode, EBX = hvm_start_info (Xen, docs/misc/pvh.pandoc)
 *   start_mb    32-bit mode, EAX = 0x2badb002, EBX = Multiboot information
 *   start_ap    64-bit mode, RDI = argument of PVK_CALL_CPU_START
 * The 32-bit ones go to 64-bit mode with 4 GiB mapped one to one. All call
 * probe_main(way, information) on a stack of ours; an AP calls probe_ap(argument).
 */
#define MB_MAGIC	0x1badb002
#ifndef MB_FLAGS
#define MB_FLAGS	0x00010003	/* modules on pages, memory, addresses in the header */
#endif

	.section .multiboot, "a"
	.balign 4
multiboot:
	.long MB_MAGIC, MB_FLAGS, -(MB_MAGIC + MB_FLAGS)
	.long multiboot, image_start, image_loaded, image_end, start_mb

	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 4, 18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long start_pvh

	.section .text, "ax"
	.code32
	.global start_pvh
start_pvh:
	mov $2, %edi
	jmp to_64
	.global start_mb
start_mb:
	mov $3, %edi
	cmp $0x2badb002, %eax
	je to_64
	mov $99, %edi			/* whoever it was, not a Multiboot loader */
to_64:
	mov %ebx, %esi
	lgdt gdt_pointer
	/* PML4[0] -> PDPT, PDPT[0..3] -> four tables of 2 MiB pages */
	movl $pdpt + 3, pml4
	mov $4, %ecx
	mov $pd + 3, %eax
	mov $pdpt, %ebx
1:	mov %eax, (%ebx)
	add $4096, %eax
	add $8, %ebx
	loop 1b
	mov $2048, %ecx
	mov $0x83, %eax
	mov $pd, %ebx
2:	mov %eax, (%ebx)
	add $0x200000, %eax
	add $8, %ebx
	loop 2b
	mov $pml4, %eax
	mov %eax, %cr3
	mov $0x20, %eax			/* PAE */
	mov %eax, %cr4
	mov $0xc0000080, %ecx		/* EFER.LME */
	mov $0x100, %eax
	xor %edx, %edx
	wrmsr
	mov $0x80000011, %eax		/* PG, ET, PE */
	mov %eax, %cr0
	ljmp $8, $in_64

	.code64
	.global start64
start64:
	mov $1, %edi
in_64:
	mov $stack_top, %rsp
	lgdt gdt_pointer
	/* Segments of our GDT, CS by a far return; a gate for vector 13 (#GP). */
	pushq $8
	pushq $1f
	lretq
1:	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $step_over, %eax
	mov %ax, idt + 13 * 16
	movw $8, idt + 13 * 16 + 2
	movw $0x8e00, idt + 13 * 16 + 4
	shr $16, %eax
	mov %ax, idt + 13 * 16 + 6
	lidt idt_pointer
	xor %ebp, %ebp
	call probe_main
1:	cli
	hlt
	jmp 1b

	/* A #GP: counted; it was an instruction of two bytes (RDMSR). */
step_over:
	incl faults
	addq $2, 8(%rsp)
	add $8, %rsp			/* the error code */
	iretq

	.global start_ap
start_ap:
	call probe_ap
1:	cli
	hlt
	jmp 1b

	.section .data, "aw"
	.balign 8
	.global gdt
gdt:
	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word . - gdt - 1
	.quad gdt

idt_pointer:
	.word 14 * 16 - 1
	.quad idt

	.section .bss, "aw", @nobits
	.balign 4096
idt:	.skip 14 * 16
	.global faults
faults:	.skip 4
	.balign 4096
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip 4 * 4096
stack:	.skip 8192
stack_top:

	.section .note.GNU-stack, "", @progbits
