/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --check --format prometheus: for node_exporter's textfile collector. No series has a
 * time of its own, for the collector refuses those; when the check ran is a metric.
 */
#include "audit/formats/formats.h"
#include "report/prometheus.h"
#include "version.h"

/* The worse, the higher, and "does not apply" below all: "> 0" is an alert. */
static int prometheus_value(enum check_status status)
{
	static const int values[CHECK_STATUS_COUNT] = {
		[CHECK_SKIP] = -1, [CHECK_OK] = 0, [CHECK_WARN] = 1, [CHECK_FAIL] = 2, [CHECK_UNKNOWN] = 3,
	};

	return values[status];
}

static void prometheus_series(struct buffer *b, const char *name, const struct finding *f, int value)
{
	const struct live_process *p = f->process;

	buffer_printf(b, "%s{id=\"%s\",scope=\"%s\",pid=\"%s\",process=\"%s\"} %d\n", name,
		      prometheus_escape(b->m, f->check->id), p ? "process" : "node",
		      p ? mem_printf(b->m, "%lld", (long long)p->pid) : "",
		      p ? prometheus_escape(b->m, p->name ? p->name : "") : "", value);
}

static void prometheus_findings(struct buffer *b, const struct audit_report *report)
{
	const struct audit_result *result = report->result;

	prometheus_head(b, "allocrun_check_status", "gauge",
			"What a check found: 0 ok, 1 warn, 2 fail, 3 unknown, -1 does not apply here.");
	for (size_t i = 0; i < result->n_findings; i++) {
		prometheus_series(b, "allocrun_check_status", &result->findings[i],
				  prometheus_value(result->findings[i].status));
		format_pause(report, b);
	}
	prometheus_head(b, "allocrun_check_ignored", "gauge",
			"1 where the policy ignores what the check found, else 0.");
	for (size_t i = 0; i < result->n_findings; i++) {
		prometheus_series(b, "allocrun_check_ignored", &result->findings[i],
				  result->findings[i].ignored != NULL);
		format_pause(report, b);
	}
}

static void prometheus_summary(struct buffer *b, const struct audit_result *result)
{
	prometheus_head(b, "allocrun_check_findings", "gauge",
			"Findings by status; those that the policy ignores apart.");
	for (int s = 0; s < CHECK_STATUS_COUNT; s++)
		buffer_printf(b, "allocrun_check_findings{status=\"%s\"} %zu\n",
			      check_status_name((enum check_status)s), result->counts[s]);
	buffer_printf(b, "allocrun_check_findings{status=\"ignored\"} %zu\n", result->n_ignored);
}

char *format_prometheus(struct mem *m, const struct audit_report *report)
{
	const struct live_facts *live = report->facts->live;
	struct buffer b = format_begin(m, report);

	prometheus_findings(&b, report);
	prometheus_summary(&b, report->result);
	prometheus_head(&b, "allocrun_check_exit_code", "gauge", "0 well, 1 warnings, 2 failures, 3 could not tell.");
	buffer_printf(&b, "allocrun_check_exit_code %d\n", report->result->exit_code);
	prometheus_head(&b, "allocrun_check_processes", "gauge", "Processes that were looked at.");
	buffer_printf(&b, "allocrun_check_processes %zu\n", live ? live->n_processes : (size_t)0);
	prometheus_head(&b, "allocrun_check_timestamp_seconds", "gauge", "When the check ran, in seconds since 1970.");
	buffer_printf(&b, "allocrun_check_timestamp_seconds %lld\n", (long long)report->request->now);
	prometheus_head(&b, "allocrun_check_info", "gauge", "The program that checked, and the kernel.");
	buffer_printf(&b, "allocrun_check_info{version=\"%s\",kernel=\"%s\"} 1\n", ALLOCRUN_VERSION,
		      prometheus_escape(m, report->facts->machine->kernel));
	return buffer_text(&b);
}
