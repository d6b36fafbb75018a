/* SPDX-License-Identifier: Apache-2.0 */
/* (g) The program whose start is timed. */
int main(void)
{
	return 0;
}
