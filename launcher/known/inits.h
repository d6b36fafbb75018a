/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCRUN_KNOWN_INITS_H
#define ALLOCRUN_KNOWN_INITS_H

/* Programs that start the server, reap what it leaves, and serve nothing. Words. */
#define KNOWN_INITS "tini tini-static docker-init catatonit podman-init dumb-init pause s6-svscan"

#endif
