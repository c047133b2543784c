/* cmd_tune.c: `ligerc tune`: both ends of tuning.
 *
 * Specs in: a bundle, a pack whose variants are the model's best candidates for each row length, with the host target to check
 * against.  tools/bench's lgr_tune measures it where the GPU is, without a compiler, and writes CSV.  CSV in: a table of the best
 * schedule of each case, for generated/tuned.txt.
 */
#include "options.h"
#include "output.h"
#include "tune_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LENGTHS = 64 };

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

static bool ends(const char *s, const char *with)
{
    size_t n = strlen(s), k = strlen(with);
    return n >= k && !strcmp(s + n - k, with);
}

/* Measurements of the CSV files into rows, the text of the others (tables from before) into old. */
static int read_measured(const Options *o, Arena *a, TuneRows *rows, Buf *old)
{
    for (uint32_t i = 0; i < o->nfiles; i++) {
        Buf text = {0};
        if (!read_file(o->files[i], &text))
            return EXIT_FILE;
        bool csv = ends(o->files[i], ".csv"), ok = !csv || tune_rows_read(arena_strf(a, "%s", text.p), a, rows);
        if (!csv)
            buf_puts(old, text.p);
        buf_free(&text);
        if (!ok) {
            fprintf(stderr, "ligerc: %s: its first line is not the head of lgr_tune's CSV\n", o->files[i]);
            return EXIT_INPUT;
        }
    }
    buf_put(old, "", 1);
    return EXIT_DONE;
}

static int table(const Options *o)
{
    TuneRows rows = {0};
    Buf old = {0}, out = {0};
    Arena *a = arena_new();
    Diag d;
    diag_init(&d, a);
    int status = read_measured(o, a, &rows, &old);
    if (status == EXIT_DONE && o->loss && !tune_loss(&rows, a, &out)) {
        fprintf(stderr, "ligerc: tune: --loss: no case of these files has both the model's choice and another measured\n");
        status = EXIT_INPUT;
    }
    if (status == EXIT_DONE && !o->loss)
        tune_table(&rows, o->said_targets ? o->targets[0]->name : NULL, old.p, a, &out);
    if (status == EXIT_DONE && !output_file(o->output ? o->output : "-", &out, &d))
        status = EXIT_FILE;
    show_diagnostics(o, &d);
    arena_free(a);
    buf_free(&out);
    buf_free(&old);
    return status;
}

int cmd_tune(const Options *o)
{
    uint32_t csv = 0, old = 0;
    for (uint32_t i = 0; i < o->nfiles; i++) {
        csv += ends(o->files[i], ".csv");
        old += ends(o->files[i], ".txt");
    }
    if (!o->nfiles || (csv && csv + old < o->nfiles) || (old && !csv)) {
        fprintf(stderr, "ligerc: tune: wanted specs, or the CSV files of lgr_tune and the tables that they are put into\n");
        return EXIT_USAGE;
    }
    return csv ? table(o) : bundle(o);
}
