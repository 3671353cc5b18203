/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries of the minimal OS, all from one ELF64 file:
 *   start_mb    Multiboot 1, 32-bit mode, EAX = 0x2badb002, EBX = its information. The
 *               header has the addresses, so that loaders which take no ELF64 do
 *   start_pvh   PVH, 32-bit mode, EBX = hvm_start_info (Xen, docs/misc/pvh.pandoc)
 *   start_ap    64-bit mode, RDI = argument: a CPU started by PVK_CALL_CPU_START
 *   ap_real     16-bit mode, after a start-up IPI; copied to AP_PAGE
 * The boot CPU calls os_main(way, information), others os_ap(number), with 4 GiB
 * mapped one to one, interrupts off.
 */
#define MAGIC	0x1badb002
#define FLAGS	0x00010003	/* modules on pages, memory, addresses in the header */
#define AP_PAGE	0x8000		/* below 1 MiB, where a start-up IPI can lead */

	.section .multiboot, "a"
	.balign 4
header:	.long MAGIC, FLAGS, -(MAGIC + FLAGS)
	.long header, image_start, image_loaded, image_end, start_mb

	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 4, 18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long start_pvh

	.section .text, "ax"
	.code32
	.global start_pvh, start_mb
start_pvh:
	mov $1, %edi
	jmp 1f
start_mb:
	mov $2, %edi
1:	mov %ebx, %esi
	/* PML4[0] -> PDPT, PDPT[0..3] -> four tables of 2 MiB pages */
	movl $pdpt + 3, pml4
	mov $4, %ecx
	mov $pd + 3, %eax
	mov $pdpt, %ebx
2:	mov %eax, (%ebx)
	add $4096, %eax
	add $8, %ebx
	loop 2b
	mov $2048, %ecx
	mov $0x83, %eax
	mov $pd, %ebx
3:	mov %eax, (%ebx)
	add $0x200000, %eax
	add $8, %ebx
	loop 3b
	mov $boot_64, %ebp

	/* EBP: where to go in 64-bit mode. EDI, ESI are kept. */
to_64:	lgdt gdt_pointer
	mov $pml4, %eax
	mov %eax, %cr3
	mov $0x620, %eax		/* PAE; OSFXSR, OSXMMEXCPT: harmless, and usual */
	mov %eax, %cr4
	mov $0xc0000080, %ecx		/* EFER.LME */
	mov $0x100, %eax
	xor %edx, %edx
	wrmsr
	mov $0x80010033, %eax		/* PG, WP, NE, ET, MP, PE */
	mov %eax, %cr0
	ljmp $8, $in_64

	.code64
in_64:	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	jmp *%rbp
boot_64:
	mov $boot_stack, %rsp
	xor %ebp, %ebp
	call os_main
	jmp stop

	/* A CPU after its start-up IPI: a number, and a stack by it. */
ap_64:	mov $1, %edi
	lock xaddl %edi, ap_number
	mov %edi, %eax
	shl $13, %eax			/* OS_STACK bytes each */
	lea ap_stacks(%rax), %rsp
	.global start_ap
start_ap:
	xor %ebp, %ebp
	call os_ap
stop:	cli
	hlt
	jmp stop

	/* An interrupt without an error code: what C may change is kept. */
	.global on_interrupt
on_interrupt:
	push %rax
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	cld
	call os_interrupt		/* 5 + 9 words, and its address: aligned */
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rax
	iretq

	.code16
	.global ap_real, ap_real_end
ap_real:
	cli
	mov %cs, %ax
	mov %ax, %ds
	lgdtl ap_gdt_pointer - ap_real
	mov $0x11, %eax
	mov %eax, %cr0
	ljmpl $24, $AP_PAGE + ap_32 - ap_real
	.code32
ap_32:	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $ap_64, %ebp
	mov $to_64, %eax
	jmp *%eax
ap_gdt_pointer:
	.word 31
	.long gdt
ap_real_end:

	.section .data, "aw"
	.balign 8
	.global gdt, ap_number
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff
gdt_pointer:
	.word . - gdt - 1
	.quad gdt
ap_number:
	.long 1

	.section .bss, "aw", @nobits
	.balign 4096
	.global pml4, ap_stacks
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip 4 * 4096
	.skip 16384
boot_stack:
ap_stacks:				/* CPU n's ends at ap_stacks + n * 8192 */
	.skip 8 * 8192

	.section .note.GNU-stack, "", @progbits
