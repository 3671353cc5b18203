# SPDX-License-Identifier: BSD-2-Clause
#
# What every makefile of the project shares: compilers, warnings, and how a command is shown.
# `make V=1` shows whole commands, else a line says what is made.

CC	:= gcc
CLANG	:= clang
WARN	:= -Wall -Wextra -Wshadow -Wsign-compare -Wcast-qual -Wstrict-prototypes \
	   -Wmissing-prototypes -Werror

# The release that all products of this tree belong to: one number, in the file VERSION.
VERSION	:= $(shell cat $(dir $(lastword $(MAKEFILE_LIST)))VERSION)
RELEASE	:= -DPVK_RELEASE='"$(VERSION)"'

V	?= 0
Q	:= $(if $(filter 1,$(V)),,@)
# $(call say,WHAT,FILE): the line before a quiet command
say	= $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)')

# What was made with other flags is made again: a rule that depends on $(call flags,FILE,FLAGS)
# runs when FLAGS differ from those of the last time.
flags	= $(1)$(shell mkdir -p $(dir $(1)); echo '$(subst ','\'',$(2))' | cmp -s - $(1) || \
	  echo '$(subst ','\'',$(2))' >$(1))
