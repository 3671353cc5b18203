// SPDX-License-Identifier: BSD-2-Clause
/*
 * Kernels in ELF (System V gABI, chapters 4 and 5), 32 and 64 bits: what is to
 * be loaded goes to its physical address. The entry is the file's, or that of
 * the note that says how Xen's PVH enters (Xen, docs/misc/pvh.pandoc,
 * XEN_ELFNOTE_PHYS32_ENTRY).
 */
#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../vm.h"
#include "boot.h"

#define MOST_HEADERS	256u
#define LINUX_CMDLINE	2047u		/* its COMMAND_LINE_SIZE, 2048, with the end */
#define NOTE_MOST	65536u		/* bytes of notes that are looked at */
#define PVH_NOTE	18u		/* XEN_ELFNOTE_PHYS32_ENTRY */

/* A program header, of either class */
struct segment {
	uint32_t type;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

static bool read_at(const struct hs_kernel *k, uint64_t offset, void *to, uint64_t bytes)
{
	return offset <= k->bytes && bytes <= k->bytes - offset &&
	       pread(k->fd, to, bytes, (off_t)offset) == (ssize_t)bytes;
}

/* Header and program headers. NULL when they are sound, else what is wrong. */
static const char *read_headers(struct hs_kernel *k, struct segment *segment, unsigned int *count,
				bool *wide)
{
	Elf64_Ehdr head64;
	Elf32_Ehdr head32;
	uint64_t table, size;

	if (!read_at(k, 0, &head32, sizeof(head32)))
		return "truncated";
	*wide = head32.e_ident[EI_CLASS] == ELFCLASS64;
	if (head32.e_ident[EI_DATA] != ELFDATA2LSB ||
	    (!*wide && head32.e_ident[EI_CLASS] != ELFCLASS32))
		return "not for x86";
	if (*wide) {
		if (!read_at(k, 0, &head64, sizeof(head64)))
			return "truncated";
		if (head64.e_machine != EM_X86_64)
			return "not for x86";
		table = head64.e_phoff;
		size = head64.e_phentsize;
		*count = head64.e_phnum;
		k->entry = head64.e_entry;
	} else {
		if (head32.e_machine != EM_386)
			return "not for x86";
		table = head32.e_phoff;
		size = head32.e_phentsize;
		*count = head32.e_phnum;
		k->entry = head32.e_entry;
	}
	if (*count > MOST_HEADERS)
		return "too many segments: more than 256 program headers";
	if (!*count || size != (*wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
		return "no program headers, or of a wrong size";
	for (unsigned int i = 0; i < *count; i++) {
		Elf64_Phdr p64;
		Elf32_Phdr p32;

		if (!read_at(k, table + i * size, *wide ? (void *)&p64 : (void *)&p32, size))
			return "truncated";
		if (*wide)
			segment[i] = (struct segment){ p64.p_type,  p64.p_offset, p64.p_vaddr,
						      p64.p_paddr, p64.p_filesz, p64.p_memsz,
						      p64.p_align};
		else
			segment[i] = (struct segment){ p32.p_type,  p32.p_offset, p32.p_vaddr,
						      p32.p_paddr, p32.p_filesz, p32.p_memsz,
						      p32.p_align};
	}
	return NULL;
}

/* The segments as pieces. NULL, or what is wrong. */
static const char *take_pieces(struct hs_kernel *k, const struct segment *segment,
			       unsigned int count)
{
	const char *problem;

	k->start = UINT64_MAX;
	k->end = 0;
	for (unsigned int i = 0; i < count; i++) {
		const struct segment *s = &segment[i];

		if (s->type != PT_LOAD || !s->memsz)
			continue;
		if (s->filesz > s->memsz || s->offset > k->bytes ||
		    s->filesz > k->bytes - s->offset)
			return "truncated";
		problem = hs_boot_place(s->paddr, s->memsz);
		if (problem)
			return problem;
		if (s->paddr < k->start)
			k->start = s->paddr;
		if (s->paddr + s->memsz > k->end)
			k->end = s->paddr + s->memsz;
		if (!s->filesz)
			continue;
		if (k->pieces == HS_BOOT_PIECES)
			return "too many segments: more than 128 to load";
		k->piece[k->pieces++] = (struct hs_piece){ s->paddr, s->offset, s->filesz,
							      s->vaddr };
	}
	if (!k->pieces)
		return "nothing to load";
	return NULL;
}

/*
 * Where that is in RAM: a segment's virtual address, as loaders take it, or a physical one, as
 * Linux has it (whose segments are virtual). false: in no segment.
 */
static bool find_entry(struct hs_kernel *k, const struct segment *segment, unsigned int count,
		       bool virtual)
{
	for (unsigned int i = 0; i < count; i++) {
		const struct segment *s = &segment[i];
		uint64_t offset = k->entry - (virtual ? s->vaddr : s->paddr);

		/* Below the start, the difference wraps and is too large. */
		if (s->type != PT_LOAD || offset >= s->filesz)
			continue;
		k->entry = s->paddr + offset;
		return true;
	}
	return false;
}

/* What the notes of a file say. */
struct said {
	bool pvh, linux_note;	/* has a PVH entry; is a Linux kernel (since 4.19) */
	uint64_t entry;		/* PVH's */
};

static void read_notes(const uint8_t *notes, uint64_t bytes, uint64_t align, struct said *said)
{
	uint64_t at = 0, pad = align == 8 ? 7 : 3;

	while (at <= bytes && bytes - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		uint64_t name, desc;

		memcpy(&note, notes + at, sizeof(note));
		name = at + sizeof(note);
		desc = (name + note.n_namesz + pad) & ~pad;
		if (desc > bytes || note.n_descsz > bytes - desc)
			return;
		if (note.n_namesz == 6 && !memcmp(notes + name, "Linux", 6))
			said->linux_note = true;
		if (!said->pvh && note.n_type == PVH_NOTE && note.n_namesz == 4 &&
		    !memcmp(notes + name, "Xen", 4) &&
		    (note.n_descsz == 4 || note.n_descsz == 8)) {
			said->pvh = true;
			memcpy(&said->entry, notes + desc, note.n_descsz);
		}
		at = (desc + note.n_descsz + pad) & ~pad;
	}
}

static struct said look_at_notes(struct hs_kernel *k, const struct segment *segment,
				 unsigned int count)
{
	static uint8_t notes[NOTE_MOST];
	struct said said = { 0 };

	for (unsigned int i = 0; i < count; i++)
		if (segment[i].type == PT_NOTE && segment[i].filesz <= sizeof(notes) &&
		    read_at(k, segment[i].offset, notes, segment[i].filesz))
			read_notes(notes, segment[i].filesz, segment[i].align, &said);
	return said;
}

/*
 * As the file is. A 64-bit Linux that also has a PVH entry is quicker by its own: behind
 * PVH's, Linux looks for Xen in each block of CPUID leaves, 256 exits.
 */
static enum hs_boot_way best_way(struct hs_kernel *k, const struct said *said, bool wide,
				 const char **problem)
{
	if (said->linux_note && wide)
		return HS_BOOT_LINUX64;
	if (said->pvh)
		return HS_BOOT_PVH;
	return hs_multiboot_find(k, problem) ? HS_BOOT_MULTIBOOT : HS_BOOT_LINUX64;
}

/* Of the ways that are possible, the one that is wanted. NULL, or what is wrong. */
static const char *settle_way(struct hs_kernel *k, const struct segment *segment,
			      unsigned int count, bool wide)
{
	const char *problem = NULL;
	struct said said = look_at_notes(k, segment, count);
	bool virtual = true;	/* may it be? */

	if (k->way == HS_BOOT_AUTO)
		k->way = best_way(k, &said, wide, &problem);
	if (problem)
		return problem;
	switch (k->way) {
	case HS_BOOT_PVH:
		if (!said.pvh)
			return "has no PVH note";
		k->entry = said.entry;
		virtual = false;
		break;
	case HS_BOOT_MULTIBOOT:
		if (!hs_multiboot_find(k, &problem))
			return problem ? problem : "has no Multiboot header";
		if (k->addresses)
			return NULL;
		break;
	default:
		if (!wide)
			return "a 32-bit ELF file without PVH note or Multiboot header";
	}
	/* A bzImage's header told; a vmlinux has none. */
	if ((k->way == HS_BOOT_LINUX64 || said.linux_note) &&
	    k->cmdline_most == HS_BOOT_CMDLINE_MAX - 1)
		k->cmdline_most = LINUX_CMDLINE;
	if ((virtual && find_entry(k, segment, count, true)) ||
	    find_entry(k, segment, count, false))
		return NULL;
	return "its entry lies outside of what is loaded";
}

bool hs_elf_place(const struct hs_kernel *k, uint64_t vaddr, hs_gpa *gpa)
{
	for (unsigned int i = 0; i < k->pieces && vaddr >> 63; i++) {
		const struct hs_piece *piece = &k->piece[i];

		if (vaddr < piece->vaddr || vaddr - piece->vaddr >= piece->bytes)
			continue;
		*gpa = piece->gpa + (vaddr - piece->vaddr);
		return true;
	}
	return false;
}

int hs_elf_check(struct hs_kernel *k, const char *path)
{
	struct segment segment[MOST_HEADERS];
	unsigned int count;
	bool wide;
	const char *problem = read_headers(k, segment, &count, &wide);

	if (!problem)
		problem = take_pieces(k, segment, count);
	if (!problem)
		problem = settle_way(k, segment, count, wide);
	if (!problem)
		return 0;
	hs_error("kernel '%s': ELF file: %s: give a vmlinux, a bzImage, or a kernel with a PVH note or Multiboot header",
		 path, problem);
	return HS_EXIT_KERNEL;
}
