/* cmd_tune.c: `ligerc tune`: both ends of tuning.
 *
 * Specs in: a bundle, a pack whose variants are the model's best candidates for each row length, with the host target to check
 * against.  tools/bench's lgr_tune measures it where the GPU is, without a compiler, and writes CSV.  CSV in: a table of the best
 * schedule of each case, for generated/tuned.txt.
 */
#include "options.h"
#include "output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LENGTHS = 64, MAX_ENTRIES = 4096 };

/* ---- a bundle ---- */

static uint32_t parse_lengths(const char *text, int32_t *out)
{
    uint32_t n = 0;
    for (const char *p = text; p && *p && n < MAX_LENGTHS;) {
        char *end;
        long v = strtol(p, &end, 10);
        if (end == p || v < 1 || v > 1 << 30 || (*end && *end != ','))
            return 0;
        out[n++] = (int32_t)v;
        p = end + (*end == ',');
    }
    return n;
}

static int bundle(const Options *o)
{
    int32_t lengths[MAX_LENGTHS];
    uint32_t n = parse_lengths(o->lengths, lengths);
    Source src[OPTIONS_MAX_FILES];
    Options both = *o;
    both.targets[both.ntargets++] = target_get(TARGET_HOST);
    int status = request_open(&both, src);
    if (status == EXIT_DONE && !n) {
        fprintf(stderr, "ligerc: tune: --lengths wants row lengths separated by commas\n");
        status = EXIT_USAGE;
    }
    Arena *a = arena_new();
    PackWriter *w = pack_new(a);
    for (uint32_t i = 0; i < o->nfiles && status == EXIT_DONE; i++) {
        const char *fix[OPTIONS_MAX_FIX];
        PipeRequest r = request_of(&both, &src[i], fix);
        PipeResult res;
        r.lengths = lengths;
        r.nlengths = n;
        r.candidates = o->candidates > 0 ? (uint32_t)o->candidates : 24;
        status = !pipe_run(&r, src[i].arena, &src[i].diag, &res) ? EXIT_USAGE : res.failed ? EXIT_INPUT : EXIT_DONE;
        show_diagnostics(o, &src[i].diag);
        for (uint32_t k = 0; k < res.n; k++)
            show_diagnostics(o, &res.units[k].diag);
        if (status == EXIT_DONE)
            pipe_pack(&r, &res, w);
        if (i + 1 == o->nfiles && status == EXIT_DONE) {
            Buf out = {0};
            Diag d;
            diag_init(&d, a);
            pack_finish(w, &out);
            if (!output_file(o->output ? o->output : "bundle.lgk", &out, &d))
                status = EXIT_FILE;
            show_diagnostics(o, &d);
            buf_free(&out);
        }
        pipe_free(&res);
    }
    request_close(&both, src);
    arena_free(a);
    return status;
}

/* ---- a table ---- */

typedef struct Entry { char key[256]; int32_t n; double us, copy; char schedule[256]; } Entry;
typedef struct Table { Entry *e; uint32_t n; } Table;

/* "T=bf16,W=bf16" of a case's text: names whose value is an element type, in order. */
static void types_in(const char *text, char *out, size_t room)
{
    size_t at = 0;
    out[0] = 0;
    for (const char *p = strchr(text, ':'); p && p[1];) {
        size_t n = strcspn(p + 1, ","), eq = strcspn(p + 1, "=");
        static const char *const names[] = {"bf16", "f16", "f32"};
        for (int i = 0; i < 3; i++)
            if (eq < n && n - eq - 1 == strlen(names[i]) && !strncmp(p + 2 + eq, names[i], n - eq - 1) && at + n + 2 < room)
                at += (size_t)snprintf(out + at, room - at, "%s%.*s", at ? "," : "", (int)n, p + 1);
        p = p[1 + n] ? p + 1 + n : NULL;
    }
    if (!at)
        snprintf(out, room, "-");
}

static void take_row(Table *t, const char *target, char *line)
{
    char text[256], fate[32], schedule[256], types[128], kernel[100];
    unsigned variant, nest;
    double us, copy;
    long n;
    if (sscanf(line, "\"%255[^\"]\",%u,%lf,%lf,%*f,%*u,%*f,%*d,%*d,%31[^,],%u,%ld,%255[^\n]", text, &variant, &us, &copy, fate, &nest, &n, schedule) != 8 || strcmp(fate, "ok") || !strstr(schedule, " n="))
        return;                              /* not measured, or no variant of this length's own */
    types_in(text, types, sizeof types);
    snprintf(kernel, sizeof kernel, "%.*s", (int)strcspn(text, ":"), text);
    Entry e = {.n = (int32_t)n, .us = us, .copy = copy};
    snprintf(e.key, sizeof e.key, "%s %s %u %s", target, kernel, nest, types);
    memcpy(e.schedule, schedule, sizeof e.schedule);
    for (uint32_t i = 0; i < t->n; i++)
        if (!strcmp(t->e[i].key, e.key) && t->e[i].n == e.n) {
            if (e.us / e.copy < t->e[i].us / t->e[i].copy)
                t->e[i] = e;
            return;
        }
    if (t->n < MAX_ENTRIES)
        t->e[t->n++] = e;
}

static int by_key(const void *a, const void *b)
{
    const Entry *x = a, *y = b;
    int c = strcmp(x->key, y->key);
    return c ? c : (x->n > y->n) - (x->n < y->n);
}

static int table(const Options *o)
{
    Table t = {calloc(MAX_ENTRIES, sizeof(Entry)), 0};
    Buf out = {0};
    char line[1024];
    int status = t.e ? EXIT_DONE : EXIT_INTERNAL;
    for (uint32_t i = 0; i < o->nfiles && status == EXIT_DONE; i++) {
        FILE *f = fopen(o->files[i], "r");
        while (f && fgets(line, sizeof line, f))
            take_row(&t, o->said_targets ? o->targets[0]->name : "sm_90a", line);
        if (!f) {
            fprintf(stderr, "ligerc: %s: cannot be read\n", o->files[i]);
            status = EXIT_FILE;
        } else {
            fclose(f);
        }
    }
    qsort(t.e, t.n, sizeof *t.e, by_key);
    buf_puts(&out, "# Measured schedules; form: compiler/sched/sched_tuned.c. Made by `ligerc tune` from what lgr_tune measured.\n");
    for (uint32_t i = 0; i < t.n; i++)
        buf_printf(&out, "%s %d: %s   # %.2f us, copy %.2f us\n", t.e[i].key, (int)t.e[i].n, t.e[i].schedule, t.e[i].us, t.e[i].copy);
    Arena *a = arena_new();
    Diag d;
    diag_init(&d, a);
    if (status == EXIT_DONE && !output_file(o->output ? o->output : "-", &out, &d))
        status = EXIT_FILE;
    show_diagnostics(o, &d);
    arena_free(a);
    buf_free(&out);
    free(t.e);
    return status;
}

static bool ends(const char *s, const char *with)
{
    size_t n = strlen(s), k = strlen(with);
    return n >= k && !strcmp(s + n - k, with);
}

int cmd_tune(const Options *o)
{
    uint32_t csv = 0;
    for (uint32_t i = 0; i < o->nfiles; i++)
        csv += ends(o->files[i], ".csv");
    if (!o->nfiles || (csv && csv < o->nfiles)) {
        fprintf(stderr, "ligerc: tune: wanted specs, or the CSV files of lgr_tune\n");
        return EXIT_USAGE;
    }
    return csv ? table(o) : bundle(o);
}
