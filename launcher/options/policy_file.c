/* SPDX-License-Identifier: Apache-2.0 */
/* /etc/allocrun/policy.conf: text -> options, through inih. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ini.h>

#include "options/profiles.h"
#include "options/read.h"
#include "util/nearest.h"
#include "util/refuse.h"
#include "util/text.h"
#include "util/trust.h"

#define POLICY_FILE "/etc/allocrun/policy.conf"
#define POLICY_FOLDER "/etc/allocrun/policy.d"
#define POLICY_SIZE_MAX (1024 * 1024)
#define POLICY_LINE_MAX 4096
#define POLICY_SECTION_MAX 49 /* inih's MAX_SECTION */

struct policy_reader {
	struct mem *m;
	struct options *options;
	const char *name;
	const char *rest; /* of the text */
	const char *end;
	int line;          /* the one that inih is working on */
	const char *error; /* the first one */
	int error_line;
};

static int policy_refuse(struct policy_reader *p, const char *text)
{
	if (!p->error) {
		p->error = mem_printf(p->m, "%s:%d: %s", p->name, p->line, text);
		p->error_line = p->line;
	}
	return 0; /* inih: not handled */
}

/* Without the blanks that nobody sees. */
static char *policy_trim(struct mem *m, const char *name)
{
	size_t n = strlen(name);

	while (n > 0 && strchr(" \t", name[n - 1]))
		n--;
	return mem_strndup(m, name, n);
}

static struct profile_section *policy_find_profile(struct policy_reader *p, const char *name)
{
	struct options *o = p->options;
	struct profile_section *section;

	name = policy_trim(p->m, name);
	section = options_find_section(o, name);
	if (section)
		return section;
	section = MEM_PUSH(p->m, o->profiles, o->n_profiles);
	section->name = name;
	section->base = profile_find(name) ? section->name : "balanced";
	section->where = mem_printf(p->m, "%s:%d", p->name, p->line);
	return section;
}

/* "profile NAME" -> NAME; NULL for another section. */
static const char *policy_profile_name(const char *section)
{
	if (strncmp(section, "profile ", strlen("profile ")) != 0)
		return NULL;
	section += strlen("profile ");
	return section + strspn(section, " \t");
}

/*
 * inih tells of a section only with its first key, and cuts long names; what a
 * misspelt or empty section means is decided at its own line.
 */
static void policy_check_section(struct policy_reader *p, const char *line)
{
	static const char *const sections[] = { "launch", "profile NAME", "node", "check", "units", NULL };
	const char *start = line + strspn(line, " \t\xEF\xBB\xBF"), *end = strchr(start, ']');
	const char *name, *profile;

	if (*start != '[' || !end)
		return;
	name = mem_strndup(p->m, start + 1, (size_t)(end - start) - 1);
	profile = policy_profile_name(name);
	if (strlen(name) > POLICY_SECTION_MAX)
		policy_refuse(p, mem_printf(p->m, "the section's name is longer than %d bytes", POLICY_SECTION_MAX));
	else if (profile && *profile)
		policy_find_profile(p, profile);
	else if (profile || !text_is_among(sections, name))
		policy_refuse(p, mem_printf(p->m, "no section [%s]%s", name, nearest_hint(p->m, name, sections)));
}

/* inih asks for a line as by fgets(3); counting here tells the handler its line. */
static char *policy_read_line(char *buffer, int size, void *stream)
{
	struct policy_reader *p = stream;
	size_t left = (size_t)(p->end - p->rest), n;
	const char *newline;

	if (left == 0 || p->error)
		return NULL;
	p->line++;
	newline = memchr(p->rest, '\n', left);
	n = newline ? (size_t)(newline - p->rest) + 1 : left;
	if (n >= (size_t)size) {
		policy_refuse(p, mem_printf(p->m, "the line is longer than %d bytes", size - 2));
		return NULL;
	}
	if (memchr(p->rest, '\0', n)) {
		policy_refuse(p, "this is not text");
		return NULL;
	}
	memcpy(buffer, p->rest, n);
	buffer[n] = '\0';
	p->rest += n;
	policy_check_section(p, buffer);
	return p->error ? NULL : buffer;
}

/* "no key 'profil' in [launch] (did you mean 'profile'?)" */
static int policy_unknown_key(struct policy_reader *p, const char *section, const char *name, int n_keys,
			      const char *extra)
{
	const char *names[KEY_COUNT + 2] = { NULL };
	int n = 0;

	for (; n < n_keys; n++)
		names[n] = key_name((enum key)n);
	names[n] = extra;
	return policy_refuse(p,
			     mem_printf(p->m, "no key '%s' in [%s]%s", name, section, nearest_hint(p->m, name, names)));
}

static int policy_set_profile(struct policy_reader *p, const char *section, const char *profile, const char *name,
			      const char *value)
{
	struct profile_section *target = policy_find_profile(p, profile);
	enum key key = key_find(name);
	const char *error;

	if (strcmp(name, "base") == 0) {
		if (!profile_find(value))
			return policy_refuse(p, mem_printf(p->m, "no built-in profile '%s'%s", value,
							   nearest_hint(p->m, value, profile_names())));
		target->base = mem_strdup(p->m, value);
		return 1;
	}
	if (key >= KEY_PROFILE_COUNT)
		return policy_unknown_key(p, section, name, KEY_PROFILE_COUNT, "base");
	if (key_check_value(p->m, key, value, &error) < 0)
		return policy_refuse(p, mem_printf(p->m, "bad value '%s' for %s %s", value, key_name(key), error));
	/* As under [launch]: options add up, the later of two equal keys wins. */
	if (KEY_IS_CONF(key) && target->settings[key].text)
		value = mem_printf(p->m, "%s,%s", target->settings[key].text, value);
	target->settings[key] = (struct setting){ mem_strdup(p->m, value), ORIGIN_POLICY_FILE,
						  mem_printf(p->m, "%s:%d", p->name, p->line) };
	return 1;
}

static int policy_set_launch(struct policy_reader *p, const char *name, const char *value)
{
	const char *where = mem_printf(p->m, "%s:%d", p->name, p->line);
	enum key key = key_find(name);
	const char *error;

	if (key == KEY_COUNT)
		return policy_unknown_key(p, "launch", name, KEY_COUNT, NULL);
	if (options_assign(p->m, p->options, key, mem_strdup(p->m, value), ORIGIN_POLICY_FILE, where, &error) < 0) {
		p->error = error;
		p->error_line = p->line;
		return 0;
	}
	return 1;
}

static int policy_set_check(struct policy_reader *p, const char *name, const char *value)
{
	const char *where = mem_printf(p->m, "%s:%d", p->name, p->line), *error;

	if (check_policy_set(p->m, &p->options->check_policy, p->options->check_ids, name, value, where, &error) < 0)
		return policy_refuse(p, error);
	return 1;
}

static int policy_set_node(struct policy_reader *p, const char *name, const char *value)
{
	const char *where = mem_printf(p->m, "%s:%d", p->name, p->line), *error;

	if (node_policy_set(p->m, &p->options->node_policy, name, value, where, &error) < 0)
		return policy_refuse(p, error);
	return 1;
}

static int policy_set_units(struct policy_reader *p, const char *name, const char *value)
{
	const char *where = mem_printf(p->m, "%s:%d", p->name, p->line), *error;

	if (unit_policy_set(p->m, &p->options->unit_policy, name, value, where, &error) < 0)
		return policy_refuse(p, error);
	return 1;
}

/* The section is one of ours: policy_check_section() has seen its line. */
static int policy_handle(void *user, const char *section, const char *name, const char *value)
{
	struct policy_reader *p = user;
	const char *profile = policy_profile_name(section);

	if (p->error)
		return 0;
	if (!*section)
		return policy_refuse(p,
				     mem_printf(p->m, "'%s' stands before any section; put it below [launch]", name));
	if (strcmp(section, "check") == 0)
		return policy_set_check(p, name, value);
	if (strcmp(section, "node") == 0)
		return policy_set_node(p, name, value);
	if (strcmp(section, "units") == 0)
		return policy_set_units(p, name, value);
	return profile ? policy_set_profile(p, section, profile, name, value) : policy_set_launch(p, name, value);
}

int policy_file_parse(struct mem *m, struct options *o, const char *name, const char *text, size_t length,
		      const char **ret_error)
{
	struct policy_reader p = { m, o, name, text, text + length, 0, NULL, 0 };
	int line;

	ini_max_line = POLICY_LINE_MAX;
	/* A continued value would reach the handler as a second assignment. */
	ini_allow_multiline = false;
	line = ini_parse_stream(policy_read_line, &p, policy_handle, &p);
	/* inih tells of its own errors at the end; the first of both kinds is named. */
	if (line != 0 && (!p.error || line < p.error_line)) {
		p.line = line > 0 ? line : p.line;
		p.error = NULL;
		policy_refuse(&p, "neither 'key = value' nor [section]");
	}
	if (!p.error)
		return 0;
	*ret_error = p.error;
	return -EINVAL;
}

static int policy_file_read(struct mem *m, const struct root *root, struct options *o, const char *path,
			    const char **ret_error)
{
	const char *writer;
	struct stat st;
	char *text;
	size_t length;
	int r = root_read(root, m, path, POLICY_SIZE_MAX, &text, &length);

	/* A pipe is read without waiting, and would seem to be empty. */
	if (r == 0 && length == 0 && root_stat(root, path, &st) == 0 && S_ISFIFO(st.st_mode)) {
		*ret_error = mem_printf(m, "%s: cannot be read: it is a pipe, not a file", path);
		return -EINVAL;
	}
	if (r == 0 && (writer = trust_find_writer(m, root, path, 0, NULL))) {
		*ret_error = mem_printf(m, "%s: not obeyed as root: %s", path, writer);
		return -EPERM;
	}
	if (r < 0) {
		*ret_error = mem_printf(m, "%s: cannot be read: %s", path, strerror(-r));
		return r;
	}
	r = policy_file_parse(m, o, path, text, length, ret_error);
	if (r == 0)
		*MEM_PUSH(m, o->policy_files, o->n_policy_files) = path;
	return r;
}

/* What only the whole can contradict. */
static int policy_verify(struct mem *m, const struct options *o, const char **ret_error)
{
	int r = check_policy_verify(m, &o->check_policy, ret_error);

	return r < 0 ? r : node_policy_verify(m, &o->node_policy, ret_error);
}

/* The default file and its drop-ins; none of them has to be there. */
static int policy_load_defaults(struct mem *m, const struct root *root, struct options *o, const char **ret_error)
{
	char **names = NULL;
	int r = policy_file_read(m, root, o, POLICY_FILE, ret_error);

	if (r < 0 && r != -ENOENT && r != -ENOTDIR)
		return r;
	r = root_list(root, m, POLICY_FOLDER, "", &names);
	if (r < 0 && r != -ENOENT && r != -ENOTDIR) {
		*ret_error = mem_printf(m, POLICY_FOLDER ": cannot be read: %s", strerror(-r));
		return r;
	}
	for (; names && *names; names++) {
		size_t n = strlen(*names);

		/* A hidden one is an editor's. */
		if (**names == '.' || n < 6 || strcmp(*names + n - 5, ".conf") != 0)
			continue;
		r = policy_file_read(m, root, o, mem_printf(m, POLICY_FOLDER "/%s", *names), ret_error);
		if (r < 0)
			return r;
	}
	/* Only now are all profiles and thresholds known. */
	r = policy_verify(m, o, ret_error);
	return r < 0 ? r : options_check_profile(m, o, ret_error);
}

static int policy_load_named(struct mem *m, struct options *o, const char **ret_error)
{
	int r = policy_file_read(m, &root_machine, o, o->policy, ret_error);

	if (r == 0)
		r = policy_verify(m, o, ret_error);
	/* A higher rank may name another profile; but what is ignored is ignored now. */
	return r < 0 || !o->is_policy_variable ? r : options_check_profile(m, o, ret_error);
}

int policy_file_load(struct mem *m, const struct root *root, struct options *o, const char **ret_error)
{
	struct options before = *o;
	const char *error = POLICY_FOLDER " cannot be read";

	int r = o->policy ? policy_load_named(m, o, &error) : policy_load_defaults(m, root, o, &error);

	if (r < 0 && o->policy && !o->is_policy_variable)
		return refuse(ret_error, error);
	if (r < 0) {
		/* As a whole: half a policy is a policy that nobody wrote. */
		*o = before;
		o->policy_problem = o->policy ? mem_printf(m, "ALLOCRUN_POLICY: %s", error) : error;
	}
	return 0;
}
