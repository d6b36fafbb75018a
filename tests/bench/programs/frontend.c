/* SPDX-License-Identifier: Apache-2.0 */
/*
 * (d) The JSON side of a front end, with a real JSON library (jansson): requests of a
 * chat API are parsed, walked into a prompt, answered in streamed chunks. Each thread
 * remembers the last requests, as sessions do. Small objects come and go: about 300
 * for a request, most below 100 bytes.
 *
 *     frontend [threads=4] [requests=8000] [sessions=128] [chunks=16]
 *
 * `requests` is for each thread.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define BODIES 64

struct text {
	char *bytes;
	size_t length, capacity;
};

static char *bodies[BODIES];
static struct histogram *histograms;
static long n_requests, n_sessions, n_chunks;

static void words(struct random *r, char *into, size_t length)
{
	static const char letters[] = "eeettaaooinnsshrdlcu   ";

	for (size_t i = 0; i < length; i++)
		into[i] = letters[random_below(r, sizeof letters - 1)];
	into[length] = 0;
}

static json_t *new_message(struct random *r, const char *role)
{
	char content[4097];

	words(r, content, random_log(r, 32, sizeof content - 1));
	return json_pack("{s:s, s:[{s:s, s:s}]}", "role", role, "content", "type", "text", "text", content);
}

static json_t *new_tool(struct random *r)
{
	char name[17], description[129];

	words(r, name, 16);
	words(r, description, random_log(r, 24, 128));
	return json_pack("{s:s, s:{s:s, s:s, s:{s:s, s:{s:{s:s}, s:{s:s}}, s:[s, s]}}}", "type", "function", "function",
			 "name", name, "description", description, "parameters", "type", "object", "properties",
			 "place", "type", "string", "count", "type", "integer", "required", "place", "count");
}

/* What a client sends: a conversation, tools, sampling parameters. */
static char *new_body(struct random *r)
{
	json_t *messages = json_array(), *tools = json_array(), *body;
	size_t n_messages = random_log(r, 1, 24), n_tools = random_below(r, 6);
	char *text;

	json_array_append_new(messages, new_message(r, "system"));
	for (size_t i = 0; i < n_messages; i++)
		json_array_append_new(messages, new_message(r, i % 2 ? "assistant" : "user"));
	for (size_t i = 0; i < n_tools; i++)
		json_array_append_new(tools, new_tool(r));
	body = json_pack("{s:s, s:o, s:o, s:f, s:f, s:i, s:b, s:[s, s], s:{s:s}}", "model", "any", "messages", messages,
			 "tools", tools, "temperature", 0.7, "top_p", 0.95, "max_tokens", 256, "stream", 1, "stop",
			 "</s>", "user:", "metadata", "session", "0123456789abcdef");
	text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	if (!text)
		bench_die("a body cannot be made");
	return text;
}

static void text_append(struct text *t, const char *bytes)
{
	size_t length = strlen(bytes);

	if (t->length + length + 1 > t->capacity) {
		t->capacity = (t->length + length + 1) * 2;
		t->bytes = realloc(t->bytes, t->capacity);
		if (!t->bytes)
			bench_die("realloc");
	}
	memcpy(t->bytes + t->length, bytes, length + 1);
	t->length += length;
}

static struct text new_prompt(json_t *request)
{
	struct text prompt = { NULL, 0, 0 };
	json_t *message, *part;
	size_t i, k;

	json_array_foreach (json_object_get(request, "messages"), i, message) {
		text_append(&prompt, json_string_value(json_object_get(message, "role")));
		text_append(&prompt, ": ");
		json_array_foreach (json_object_get(message, "content"), k, part)
			text_append(&prompt, json_string_value(json_object_get(part, "text")));
		text_append(&prompt, "\n");
	}
	return prompt;
}

/* A streamed answer: one small document after another. */
static size_t answer(const struct text *prompt)
{
	size_t sent = 0;

	for (long i = 0; i < n_chunks; i++) {
		char token[9] = { 0 }, *line;
		json_t *chunk;

		memcpy(token, prompt->bytes + (size_t)i * 7 % (prompt->length - 8), 8);
		chunk = json_pack("{s:s, s:s, s:I, s:s, s:[{s:i, s:{s:s}, s:n}]}", "id", "chatcmpl-0123456789",
				  "object", "chat.completion.chunk", "created", (json_int_t)1700000000 + i, "model",
				  "any", "choices", "index", 0, "delta", "content", token, "finish_reason");
		line = json_dumps(chunk, JSON_COMPACT);
		if (!line)
			bench_die("a chunk cannot be made");
		sent += strlen(line);
		free(line);
		json_decref(chunk);
	}
	return sent;
}

/* The parsed request; the caller remembers it for a while. */
static json_t *serve(const char *body, size_t *sent)
{
	json_t *request = json_loads(body, 0, NULL);
	struct text prompt;

	if (!request)
		bench_die("a body cannot be parsed");
	prompt = new_prompt(request);
	*sent += answer(&prompt);
	free(prompt.bytes);
	return request;
}

static void *work(void *argument)
{
	intptr_t number = (intptr_t)argument;
	struct random r = { (uint64_t)number };
	json_t **sessions = calloc((size_t)n_sessions, sizeof(json_t *));
	size_t sent = 0;

	if (!sessions)
		bench_die("calloc");
	for (long i = 0; i < n_requests; i++) {
		json_t **session = &sessions[random_below(&r, (size_t)n_sessions)];
		uint64_t start = bench_now_ns();
		json_t *request = serve(bodies[random_below(&r, BODIES)], &sent);

		json_decref(*session);
		*session = request;
		histogram_add(&histograms[number], bench_now_ns() - start);
	}
	for (long i = 0; i < n_sessions; i++)
		json_decref(sessions[i]);
	free(sessions);
	return sent ? NULL : argument;
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "threads", "requests", "sessions", "chunks", NULL };
	long n_threads = bench_parameter(argv, "threads", 4);
	struct random r = { 1 };

	(void)argc;
	bench_check(argv, names);
	n_requests = bench_parameter(argv, "requests", 8000);
	n_sessions = bench_parameter(argv, "sessions", 128);
	n_chunks = bench_parameter(argv, "chunks", 16);
	if (n_threads < 1 || n_sessions < 1)
		bench_die("threads, sessions: at least 1");
	histograms = bench_pages(sizeof *histograms * (size_t)n_threads);
	json_object_seed(1); /* else it takes a random one, and the work is not the same */
	for (int i = 0; i < BODIES; i++)
		bodies[i] = new_body(&r);
	bench_mark("start");
	bench_threads(n_threads, work);
	bench_mark("done");
	bench_mark("end");
	for (long i = 1; i < n_threads; i++)
		histogram_merge(&histograms[0], &histograms[i]);
	histogram_report(&histograms[0], "op");
	return 0;
}
