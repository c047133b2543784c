/* cmd_build.c: `ligerc build`: specs to a pack, or to the text of a stage.
 *
 * Outputs are written beside their place and renamed; one that would not change is left alone.
 */
#define _GNU_SOURCE
#include "options.h"
#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct { const char *name; PipeStop stop; } stages[] = {
    {"pack", PIPE_ALL}, {"tile-ir", PIPE_TILE_IR}, {"schedule", PIPE_SCHEDULE}, {"lowered-ir", PIPE_LOWERED}, {"llvm", PIPE_LLVM}, {"ptx", PIPE_PTX}};

static bool stage_of(const char *name, PipeStop *stop)
{
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        if (!strcmp(stages[i].name, name ? name : "pack")) {
            *stop = stages[i].stop;
            return true;
        }
    return false;
}

static bool unchanged(const char *path, const Buf *b)
{
    FILE *f = fopen(path, "rb");
    char piece[65536];
    size_t at = 0, n;
    if (!f)
        return false;
    while ((n = fread(piece, 1, sizeof piece, f)) > 0 && at + n <= b->n && !memcmp(piece, b->p + at, n))
        at += n;
    bool same = n == 0 && at == b->n;
    fclose(f);
    return same;
}

static int write_output(const char *path, const Buf *b)
{
    char temp[4096];
    if (!strcmp(path, "-"))
        return fwrite(b->p, 1, b->n, stdout) == b->n ? EXIT_DONE : EXIT_FILE;
    if (unchanged(path, b))
        return EXIT_DONE;
    snprintf(temp, sizeof temp, "%s.%ld", path, (long)getpid());
    FILE *f = fopen(temp, "wb");
    bool ok = f && fwrite(b->p, 1, b->n, f) == b->n;
    ok = f && !fclose(f) && ok && !rename(temp, path);
    if (ok)
        return EXIT_DONE;
    fprintf(stderr, "ligerc: %s: cannot write\n", path);
    unlink(temp);
    return EXIT_FILE;
}

static void report_unit(const Options *o, const SemaOp *op, const PipeUnit *u, Arena *a)
{
    int regs = 0, spills = 0;
    for (uint32_t i = 0; i < u->n && o->verbose > 1; i++) {
        Buf b = {0};
        sched_print(&b, &u->variants[i].sched);
        fprintf(stderr, "  %s: %d registers, %d bytes spilled\n", b.p, pipe_info(&u->variants[i], 0) ? pipe_info(&u->variants[i], 0)->regs : 0,
                u->variants[i].info[0].spill_stores);
        buf_free(&b);
    }
    for (uint32_t i = 0; i < u->n; i++)
        for (uint32_t j = 0; j < u->variants[i].ninfo; j++) {
            regs = u->variants[i].info[j].regs > regs ? u->variants[i].info[j].regs : regs;
            spills += u->variants[i].info[j].spill_stores;
        }
    fprintf(stderr, "%s.%s [%s] %s: %u variants, %.0f ms, at most %d registers, %d bytes spilled\n", op->name, op->kernels[u->kernel].name,
            sema_binding_text(op, (int)u->kernel, &u->binding, a), u->target->name, (unsigned)u->n, u->ms, regs, spills);
}

static void stage_text(const PipeUnit *u, PipeStop stop, Buf *out)
{
    if (stop == PIPE_TILE_IR)
        tir_print(out, u->fn);
    for (uint32_t i = 0; i < u->n && stop != PIPE_TILE_IR; i++) {
        const PipeVariant *v = &u->variants[i];
        buf_printf(out, "%s %s.%s [%s] %s: ", stop == PIPE_LLVM ? ";" : "//", u->fn->op_name, u->fn->name, u->fn->binding, u->target->name);
        sched_print(out, &v->sched);
        buf_puts(out, "\n");
        for (uint32_t j = 0; stop == PIPE_LOWERED && j < v->low->nlaunch; j++)
            lir_print(out, v->low->launch[j].fn);
        if (v->code.n)
            buf_put(out, v->code.p, v->code.n - (v->code.p[v->code.n - 1] == 0));
    }
}

static int finish_units(const Options *o, const PipeRequest *r, const PipeResult *res, PackWriter *w, Buf *text, Arena *a)
{
    for (uint32_t i = 0; i < res->n; i++) {
        show_diagnostics(o, &res->units[i].diag);
        if (o->verbose)
            report_unit(o, r->op, &res->units[i], a);
    }
    if (res->failed)
        return EXIT_INPUT;
    if (r->stop == PIPE_ALL)
        pipe_pack(r, res, w);
    else
        for (uint32_t i = 0; i < res->n; i++)
            stage_text(&res->units[i], r->stop, text);
    return EXIT_DONE;
}

/* Compiles one opened spec; its results must live until the output is written. */
static int build_source(const Options *o, Source *s, PipeStop stop, const Sched *sched, PipeResult *res, PackWriter *w, Buf *text)
{
    const char *fix[OPTIONS_MAX_FIX];
    PipeRequest r = request_of(o, s, fix);
    r.sched = sched;
    r.stop = stop;
    if (!pipe_run(&r, s->arena, &s->diag, res))
        return EXIT_USAGE;
    return finish_units(o, &r, res, w, text, s->arena);
}

static int write_deps(const Options *o, const char *output)
{
    Buf b = {0};
    char path[4096];
    snprintf(path, sizeof path, "%s.d", output);
    buf_printf(&b, "%s:", output);
    for (uint32_t i = 0; i < o->nfiles; i++)
        buf_printf(&b, " %s", o->files[i]);
    buf_puts(&b, "\n");
    int status = write_output(o->depfile ? o->depfile : path, &b);
    buf_free(&b);
    return status;
}

static int finish(const Options *o, PipeStop stop, PackWriter *w, Buf *text)
{
    const char *output = o->output ? o->output : stop == PIPE_ALL ? "out.lgk" : "-";
    if (stop == PIPE_ALL)
        pack_finish(w, text);
    int status = text->failed ? EXIT_INTERNAL : write_output(output, text);
    if (status == EXIT_DONE && o->make_deps)
        status = write_deps(o, output);
    return status;
}

int cmd_build(const Options *o)
{
    Buf text = {0}, err = {0};
    Sched sched;
    PipeStop stop;
    Source src[OPTIONS_MAX_FILES];
    PipeResult res[OPTIONS_MAX_FILES] = {{0}};
    int status = EXIT_DONE;
    if (!o->nfiles || !stage_of(o->emit, &stop) || (o->schedule && !sched_parse(o->schedule, &sched, &err))) {
        fprintf(stderr, "ligerc: %s\n", !o->nfiles ? "no spec to build; try --help" : err.n ? err.p : "--emit: wanted pack, tile-ir, schedule, lowered-ir, llvm or ptx");
        buf_free(&err);
        return EXIT_USAGE;
    }
    Arena *a = arena_new();
    PackWriter *w = pack_new(a);
    status = request_open(o, src);
    for (uint32_t i = 0; status == EXIT_DONE && i < o->nfiles; i++) {
        status = build_source(o, &src[i], stop, o->schedule ? &sched : NULL, &res[i], w, &text);
        show_diagnostics(o, &src[i].diag);
    }
    if (status == EXIT_DONE)
        status = finish(o, stop, w, &text);
    for (uint32_t i = 0; i < o->nfiles; i++)
        pipe_free(&res[i]);
    request_close(o, src);
    arena_free(a);
    buf_free(&text);
    buf_free(&err);
    return status;
}
