/* SPDX-License-Identifier: Apache-2.0 */
/* exit(42) for 32-bit x86, without a C library: a command of another ELF class. */
	.globl _start
_start:
	movl $1, %eax
	movl $42, %ebx
	int $0x80
	.section .note.GNU-stack, "", @progbits
