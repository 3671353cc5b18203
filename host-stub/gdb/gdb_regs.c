// SPDX-License-Identifier: BSD-2-Clause
/*
 * Registers as a debugger sees them: see gdb_regs.h. Names and features of the first three groups
 * are GDB's (its manual, "i386 Features"); the last group has those names that QEMU's users know.
 */
#include "gdb_regs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define AT(member)	offsetof(struct hs_gdb_regs, member), \
			sizeof(((struct hs_gdb_regs *)0)->member)
#define GPR(n, i)	{ n, AT(gpr[i]), "int64", NULL, false }
#define SEG(n, i)	{ n, AT(segment[i]), "int32", NULL, true }
#define ST(n, i)	{ n, AT(st[i]), "i387_ext", NULL, false }
#define FPU(n, i)	{ n, AT(fpu[i]), "int", NULL, false }
#define XMM(n, i)	{ n, AT(xmm[i]), "vec128", NULL, false }
#define CR(n, member)	{ n, AT(member), "int64", NULL, false }

const struct hs_gdb_reg hs_gdb_reg[HS_GDB_REG_COUNT] = {
	{ "rax", AT(gpr[0]), "int64", "org.gnu.gdb.i386.core", false },
	GPR("rbx", 1), GPR("rcx", 2), GPR("rdx", 3), GPR("rsi", 4), GPR("rdi", 5),
	{ "rbp", AT(gpr[6]), "data_ptr", NULL, false },
	{ "rsp", AT(gpr[7]), "data_ptr", NULL, false },
	GPR("r8", 8), GPR("r9", 9), GPR("r10", 10), GPR("r11", 11), GPR("r12", 12),
	GPR("r13", 13), GPR("r14", 14), GPR("r15", 15),
	{ "rip", AT(rip), "code_ptr", NULL, false },
	{ "eflags", AT(eflags), "i386_eflags", NULL, false },
	SEG("cs", 0), SEG("ss", 1), SEG("ds", 2), SEG("es", 3), SEG("fs", 4), SEG("gs", 5),
	ST("st0", 0), ST("st1", 1), ST("st2", 2), ST("st3", 3), ST("st4", 4), ST("st5", 5),
	ST("st6", 6), ST("st7", 7),
	FPU("fctrl", 0), FPU("fstat", 1), FPU("ftag", 2), FPU("fiseg", 3), FPU("fioff", 4),
	FPU("foseg", 5), FPU("fooff", 6), FPU("fop", 7),
	{ "xmm0", AT(xmm[0]), "vec128", "org.gnu.gdb.i386.sse", false },
	XMM("xmm1", 1), XMM("xmm2", 2), XMM("xmm3", 3), XMM("xmm4", 4), XMM("xmm5", 5),
	XMM("xmm6", 6), XMM("xmm7", 7), XMM("xmm8", 8), XMM("xmm9", 9), XMM("xmm10", 10),
	XMM("xmm11", 11), XMM("xmm12", 12), XMM("xmm13", 13), XMM("xmm14", 14), XMM("xmm15", 15),
	{ "mxcsr", AT(mxcsr), "int", NULL, true },
	{ "fs_base", AT(fs_base), "int", "org.gnu.gdb.i386.segments", false },
	{ "gs_base", AT(gs_base), "int", NULL, false },
	{ "k_gs_base", AT(k_gs_base), "int64", "org.pvkit.control", true },
	CR("cr0", cr0), CR("cr2", cr2), CR("cr3", cr3), CR("cr4", cr4), CR("cr8", cr8),
	CR("efer", efer),
};

/* What a feature's types are made of, before its registers */
static const struct {
	const char *feature, *types;
} feature_types[] = {
	{ "org.gnu.gdb.i386.core",
	  "<flags id=\"i386_eflags\" size=\"4\">"
	  "<field name=\"CF\" start=\"0\" end=\"0\"/><field name=\"PF\" start=\"2\" end=\"2\"/>"
	  "<field name=\"AF\" start=\"4\" end=\"4\"/><field name=\"ZF\" start=\"6\" end=\"6\"/>"
	  "<field name=\"SF\" start=\"7\" end=\"7\"/><field name=\"TF\" start=\"8\" end=\"8\"/>"
	  "<field name=\"IF\" start=\"9\" end=\"9\"/><field name=\"DF\" start=\"10\" end=\"10\"/>"
	  "<field name=\"OF\" start=\"11\" end=\"11\"/><field name=\"NT\" start=\"14\" end=\"14\"/>"
	  "<field name=\"RF\" start=\"16\" end=\"16\"/><field name=\"VM\" start=\"17\" end=\"17\"/>"
	  "<field name=\"AC\" start=\"18\" end=\"18\"/><field name=\"ID\" start=\"21\" end=\"21\"/>"
	  "</flags>" },
	{ "org.gnu.gdb.i386.sse",
	  "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
	  "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
	  "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
	  "<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
	  "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
	  "<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
	  "<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"
	  "<field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/>"
	  "<field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/>"
	  "<field name=\"v2_int64\" type=\"v2i64\"/><field name=\"uint128\" type=\"uint128\"/>"
	  "</union>" },
};

static char description[12288];

static void gdb_describe(size_t *len, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void gdb_describe(size_t *len, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(description + *len, sizeof(description) - *len, fmt, args);
	va_end(args);
	if (n > 0 && (size_t)n < sizeof(description) - *len)
		*len += (size_t)n;
}

static void begin_feature(size_t *len, const char *name, bool first)
{
	gdb_describe(len, "%s<feature name=\"%s\">", first ? "" : "</feature>", name);
	for (unsigned int i = 0; i < sizeof(feature_types) / sizeof(feature_types[0]); i++)
		if (!strcmp(feature_types[i].feature, name))
			gdb_describe(len, "%s", feature_types[i].types);
}

const char *hs_gdb_description(size_t *len)
{
	static size_t made;

	if (!made) {
		gdb_describe(&made, "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
			 "<target><architecture>i386:x86-64</architecture>");
		for (unsigned int i = 0; i < HS_GDB_REG_COUNT; i++) {
			const struct hs_gdb_reg *reg = &hs_gdb_reg[i];

			if (reg->feature)
				begin_feature(&made, reg->feature, !i);
			gdb_describe(&made, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"/>", reg->name,
				 8u * reg->bytes, reg->type);
		}
		gdb_describe(&made, "</feature></target>");
	}
	*len = made;
	return description;
}
