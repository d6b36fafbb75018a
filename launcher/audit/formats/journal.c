/* SPDX-License-Identifier: Apache-2.0 */
/* --check --journal: what an operator asks the journal for, as fields beside the line. */
#include "audit/formats/formats.h"
#include "util/journal.h"

static int journal_priority(enum check_status status)
{
	return status == CHECK_FAIL ? JOURNAL_ERROR : status == CHECK_OK ? JOURNAL_INFO : JOURNAL_WARNING;
}

/* All that is not ours has become one line. */
char *format_journal_finding(struct mem *m, const struct finding *finding)
{
	const char *fix = format_fix(finding);
	struct buffer b = { .m = m };

	buffer_printf(&b, "MESSAGE=%s %s, %s: %s%s%s\n", check_status_name(finding->status), finding->check->id,
		      utf8_clean(m, format_place(m, finding->process)), utf8_clean(m, finding->observed),
		      fix ? "; fix: " : "", fix ? utf8_clean(m, fix) : "");
	buffer_printf(&b, "PRIORITY=%d\nSYSLOG_IDENTIFIER=allocrun\nALLOCRUN_CHECK=%s\nALLOCRUN_STATUS=%s\n",
		      journal_priority(finding->status), finding->check->id, check_status_name(finding->status));
	buffer_printf(&b, "ALLOCRUN_OBSERVED=%s\n", utf8_clean(m, finding->observed));
	if (finding->process)
		buffer_printf(&b, "ALLOCRUN_PID=%lld\n", (long long)finding->process->pid);
	return buffer_text(&b);
}

char *format_journal_summary(struct mem *m, const struct audit_report *report)
{
	const struct audit_result *r = report->result;
	struct buffer b = { .m = m };

	buffer_printf(&b, "MESSAGE=audit: %s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=allocrun\n", format_summary(m, r),
		      journal_priority(r->worst));
	for (enum check_status status = CHECK_SKIP; status <= CHECK_FAIL; status++)
		buffer_printf(&b, "ALLOCRUN_COUNT_%s=%zu\n",
			      (const char *const[]){ [CHECK_SKIP] = "SKIP",
						     [CHECK_OK] = "OK",
						     [CHECK_UNKNOWN] = "UNKNOWN",
						     [CHECK_WARN] = "WARN",
						     [CHECK_FAIL] = "FAIL" }[status],
			      r->counts[status]);
	return buffer_text(&b);
}
