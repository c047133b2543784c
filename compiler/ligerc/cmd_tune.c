/* cmd_tune.c: `ligerc tune`, by what it is given.
 *
 * Specs or a bundle, and --shapes: candidates are compiled (of a bundle they are there), checked and timed here, and the best of them become
 * entries of a table (tune_run.h).  Specs and --lengths: a bundle, a pack whose variants are the candidates for each row length, with the host
 * target to check against; tools/bench's lgr_tune measures it where there is a GPU and no compiler, and writes CSV.  CSV: a table, or the
 * model's loss.  Tables given beside either are what the new entries are put into.
 */
#include "output.h"
#include "subject.h"
#include "tune_run.h"
#include "tune_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a bundle ---- */

static int bundle(const Options *o)
{
    Subject s;
    Diag d;
    SubjectWish w = {.candidates = o->candidates > 0 ? (uint32_t)o->candidates : 24, .bundle = true};
    const char *p = o->lengths + strspn(o->lengths, "0123456789,");
    if (*p || !strpbrk(o->lengths, "123456789") || strstr(o->lengths, ",,")) {
        fprintf(stderr, "ligerc: tune: --lengths wants row lengths separated by commas\n");
        return EXIT_USAGE;
    }
    int status = subject_open(o, o->targets[0], &w, &s);
    if (status == EXIT_DONE) {
        diag_init(&d, s.arena);
        status = output_file(o->output ? o->output : "bundle.lgk", &s.pack, &d) ? EXIT_DONE : EXIT_FILE;
        show_diagnostics(o, &d);
    }
    subject_close(&s);
    return status;
}

/* ---- a table ---- */

/* Measurements of the CSV files into rows, the text of the tables into old. */
static int read_files(const Options *o, Arena *a, TuneRows *rows, Buf *old)
{
    for (uint32_t i = 0; i < o->nfiles; i++) {
        Buf text = {0};
        bool csv = path_ends(o->files[i], ".csv");
        if (!csv && !path_ends(o->files[i], ".txt"))
            continue;
        if (!read_file(o->files[i], &text))
            return EXIT_FILE;
        bool ok = !csv || tune_rows_read(arena_strf(a, "%s", text.p), a, rows);
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

static int table(const Options *o, const TuneRows *rows, const char *old, Arena *a)
{
    Buf out = {0};
    Diag d;
    diag_init(&d, a);
    int status = EXIT_DONE;
    if (o->loss && !tune_loss(rows, a, &out)) {
        fprintf(stderr, "ligerc: tune: --loss: no case of these files has both the model's choice and another measured\n");
        status = EXIT_INPUT;
    }
    if (!o->loss)
        tune_table(rows, o->said_targets ? o->targets[0]->name : NULL, old, a, &out);
    if (status == EXIT_DONE && !output_file(o->output ? o->output : "-", &out, &d))
        status = EXIT_FILE;
    show_diagnostics(o, &d);
    buf_free(&out);
    return status;
}

/* ---- the whole ---- */

static uint32_t count(const Options *o, const char *suffix)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < o->nfiles; i++)
        n += path_ends(o->files[i], suffix);
    return n;
}

static int refuse(const Options *o, uint32_t csv)
{
    uint32_t other = o->nfiles - csv - count(o, ".txt");
    const char *why = NULL;
    if (!other == !csv)
        why = "wanted specs or a bundle, or the CSV files of lgr_tune; tables (.txt) may stand beside them";
    else if (csv && (o->shapes || o->lengths || o->html))
        why = "CSV files are measurements: --shapes, --lengths and --html are for specs";
    else if (!csv && !o->shapes == !o->lengths)
        why = "wanted --shapes, which are measured here, or --lengths, to make a bundle";
    else if (o->lengths && (o->html || o->loss || o->budget))
        why = "--lengths makes a bundle: nothing is measured";
    if (why)
        fprintf(stderr, "ligerc: tune: %s\n", why);
    return why ? EXIT_USAGE : EXIT_DONE;
}

int cmd_tune(const Options *o)
{
    TuneRows rows = {0};
    Buf old = {0};
    uint32_t csv = count(o, ".csv");
    int status = files_there(o);
    if (status == EXIT_DONE)
        status = refuse(o, csv);
    Arena *a = arena_new();
    if (status == EXIT_DONE)
        status = a ? read_files(o, a, &rows, &old) : EXIT_INTERNAL;
    if (status == EXIT_DONE)
        status = csv ? table(o, &rows, old.p, a) : o->shapes ? tune_run(o, old.p) : bundle(o);
    buf_free(&old);
    if (a)
        arena_free(a);
    return status;
}
