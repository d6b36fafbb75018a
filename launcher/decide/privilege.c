/* SPDX-License-Identifier: Apache-2.0 */
/* What the server may do: user, capabilities, no_new_privs. Pure. */
#include <string.h>
#include <strings.h>
#include <sys/capability.h>

#include "decide/decision.h"
#include "util/text.h"

#define USER "user"
#define CAPS "capabilities"
#define NO_NEW_PRIVS "no-new-privs"

/*
 * As in a container that was started with this user. Who may change users sets the
 * groups as well, which may be another's.
 */
static bool user_is_current(const struct facts *f)
{
	const uint64_t changers = UINT64_C(1) << CAP_SETUID | UINT64_C(1) << CAP_SETGID;
	const struct process_status *p = &f->process.status;

	return p->uid == f->account.uid && p->euid == p->uid && p->gid == f->account.gid && p->egid == p->gid &&
	       (p->permitted & changers) == 0;
}

static void user_decide(const struct decision *d)
{
	const struct setting *s = &d->options->settings[KEY_USER];
	const struct account_facts *a = &d->facts->account;
	struct operation *op;

	if (policy_is_off(d, STEP_USER, USER))
		return;
	if (!s->text) {
		policy_leave(d, STEP_USER, USER, "no user is asked for");
		return;
	}
	if (a->problem) {
		policy_refuse(d, STEP_USER, USER, mem_printf(d->m, "%s: %s", s->where, a->problem));
		return;
	}
	if (user_is_current(d->facts)) {
		policy_leave(d, STEP_USER, USER, mem_printf(d->m, "already %s (%s)", s->text, s->where));
		return;
	}
	op = policy_add(d, STEP_USER, OP_USER, USER);
	op->u.account = a;
	op->value = mem_printf(d->m, "%s (%lld:%lld, %zu groups)", a->name ? a->name : s->text, (long long)a->uid,
			       (long long)a->gid, a->n_groups);
	op->why = mem_printf(d->m, "asked for (%s)", s->where);
	/* These follow the user, as under systemd's User=. */
	if (a->home)
		parts_add(d->m, &op->parts, "HOME", a->home, "of /etc/passwd");
	else
		parts_add(d->m, &op->parts, "HOME", "/", "no entry in /etc/passwd: as under a container runtime");
	if (a->name) {
		parts_add(d->m, &op->parts, "USER", a->name, "follows the user");
		parts_add(d->m, &op->parts, "LOGNAME", a->name, "follows the user");
	}
}

/* Checked when the option was read. */
static uint64_t caps_parse(struct mem *m, const char *list)
{
	uint64_t mask = 0;

	for (char *word; (word = text_next_piece(m, &list, ','));) {
		cap_value_t value;

		if (cap_from_name(strncasecmp(word, "cap_", 4) == 0 ? word : mem_printf(m, "cap_%s", word), &value) ==
		    0)
			mask |= UINT64_C(1) << value;
	}
	return mask;
}

static const char *caps_name_first(struct mem *m, uint64_t mask)
{
	char *name = cap_to_name((cap_value_t)__builtin_ctzll(mask));
	const char *copy = mem_strdup(m, name ? name : "one of them");

	cap_free(name);
	return copy;
}

static void caps_keep(const struct decision *d, const char *list, bool is_asked_for, const char *why)
{
	const struct process_status *p = &d->facts->process.status;
	uint64_t keep = strcmp(list, "none") == 0 ? 0 :
			strcmp(list, "all") == 0  ? p->permitted :
						    caps_parse(d->m, list);
	/* The bounding set can only be changed by those who hold some. */
	uint64_t held = p->permitted | p->inheritable | p->ambient | (is_asked_for ? p->bounding : 0);
	struct operation *op;

	if (p->capabilities_known == TRI_YES && held == 0 && keep == 0) {
		policy_leave(d, STEP_CAPS, CAPS, "there are none to drop");
		return;
	}
	if (p->capabilities_known == TRI_YES && (keep & ~p->permitted) != 0) {
		policy_refuse(d, STEP_CAPS, CAPS,
			      mem_printf(d->m, "of %s, allocrun itself does not hold %s", list,
					 caps_name_first(d->m, keep & ~p->permitted)));
		return;
	}
	op = policy_add(d, STEP_CAPS, OP_CAPS, CAPS);
	op->u.caps.keep = keep;
	/* "all" drops nothing; and what nobody asked for goes as far as it is allowed. */
	op->u.caps.leaves_bounding = strcmp(list, "all") == 0 ||
				     (!is_asked_for && !(p->permitted & UINT64_C(1) << CAP_SETPCAP));
	op->value = keep ? mem_printf(d->m, "keep %s", list) : "none";
	op->why = why;
}

static void caps_decide(const struct decision *d)
{
	const struct setting *s = &d->options->settings[KEY_KEEP_CAPS];
	const char *user = d->options->settings[KEY_USER].text;
	bool becomes_user = user && d->facts->account.uid != 0 && !d->facts->account.problem;
	bool keeps_all = s->text && strcmp(s->text, "all") == 0 && !becomes_user;

	if (policy_is_off(d, STEP_CAPS, CAPS))
		return;
	if (s->text && !keeps_all)
		caps_keep(d, s->text, true, mem_printf(d->m, "bounding and ambient sets included (%s)", s->where));
	else if (!keeps_all && becomes_user)
		caps_keep(d, "none", false, "a user that is not root gets none unless keep-caps names them");
	else
		policy_leave(d, STEP_CAPS, CAPS, keeps_all ? "all are kept" : "left as they are");
}

static void no_new_privs_decide(const struct decision *d)
{
	const struct setting *s = &d->options->settings[KEY_NO_NEW_PRIVS];
	struct operation *op;

	if (policy_is_off(d, STEP_NO_NEW_PRIVS, NO_NEW_PRIVS))
		return;
	if (!setting_is_on(s) || d->facts->process.status.no_new_privs == TRI_YES) {
		policy_leave(d, STEP_NO_NEW_PRIVS, NO_NEW_PRIVS,
			     d->facts->process.status.no_new_privs == TRI_YES ? "already set" : "not asked for");
		return;
	}
	op = policy_add(d, STEP_NO_NEW_PRIVS, OP_NO_NEW_PRIVS, NO_NEW_PRIVS);
	op->value = "set";
	op->why = mem_printf(d->m, "asked for (%s)", s->where);
}

void policy_decide_privileges(const struct decision *d)
{
	user_decide(d);
	caps_decide(d);
	no_new_privs_decide(d);
}
