/* SPDX-License-Identifier: Apache-2.0 */
/* A shared library with nothing in it: what counts is its name and what it needs. */
int empty_library_is_loaded;
