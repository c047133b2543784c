/* subject.c: see subject.h. */
#include "subject.h"
#include "gpu.h"
#include "liger.h"
#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_LENGTHS = 64 };

bool path_ends(const char *path, const char *with)
{
    size_t n = strlen(path), k = strlen(with);
    return n >= k && !strcmp(path + n - k, with);
}

int files_there(const Options *o)
{
    for (uint32_t i = 0; i < o->nfiles; i++)
        if (strcmp(o->files[i], "-") && access(o->files[i], R_OK)) {
            fprintf(stderr, "ligerc: %s: cannot be read\n", o->files[i]);
            return EXIT_FILE;
        }
    return EXIT_DONE;
}

int subject_target(const Options *o, const Target **out)
{
    GpuProbe g;
    char name[16];
    *out = o->said_targets ? o->targets[0] : target_get(TARGET_HOST);
    if (o->said_targets && (o->ntargets > 1 || (*out)->kind == TGT_SIM)) {
        fprintf(stderr, "ligerc: %s: wanted one target, the host or a GPU\n", o->command);
        return EXIT_USAGE;
    }
    if (o->said_targets && (*out)->kind == TGT_HOST)
        return EXIT_DONE;
    bool found = gpu_probe(&g);
    if (o->said_targets && !found) {
        fprintf(stderr, "ligerc: %s: no GPU: %s\n", o->command, g.why);
        return EXIT_DEVICE;
    }
    snprintf(name, sizeof name, "sm_%d", g.sm);
    const Target *chip = found ? target_for_chip(name) : NULL;
    if (found && !o->said_targets && chip)
        *out = chip;
    return EXIT_DONE;
}

/* ---- the copy op ---- */

static int make_copy(const Target *t, int jobs, Subject *s)
{
    Source src;
    PipeResult res = {0};
    const char *fix[] = {t->kind == TGT_HOST ? "T=f32" : "T=bf16"};
    bool ok = source_open_text(&src, "copy.tile", copy_spec, strlen(copy_spec));
    PipeRequest r = {.op = src.op, .source = &src.diag, .targets = {t, target_get(TARGET_HOST)}, .ntargets = t->kind == TGT_HOST ? 1 : 2, .fix = fix, .nfix = 1, .jobs = jobs,
                     .tuned = tuned_table};
    ok = ok && pipe_run(&r, src.arena, &src.diag, &res) && !res.failed;
    if (ok) {
        PackWriter *w = pack_new(src.arena);
        pipe_pack(&r, &res, w);
        pack_finish(w, &s->copy);
    }
    pipe_free(&res);
    source_close(&src);
    return ok && !s->copy.failed ? EXIT_DONE : EXIT_INTERNAL;
}

/* ---- from specs ---- */

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

/* Cases of every unit of the target that is measured, and the lengths of their rows. */
static bool list_cases(const Options *o, const SemaOp *op, const PipeResult *res, Subject *s, CaseLengths *lengths, Diag *d)
{
    for (uint32_t i = 0; i < res->n; i++) {
        uint32_t from = s->cases.n;
        if (res->units[i].target != s->target)
            continue;
        if (!cases_of(o, op, &res->units[i], s->arena, &s->cases, d))
            return false;
        for (uint32_t k = from; k < s->cases.n; k++)
            cases_lengths(&res->units[i], s->cases.text[k], lengths);
    }
    return true;
}

static int run(const Options *o, const PipeRequest *r, Source *src, PipeResult *res)
{
    int status = !pipe_run(r, src->arena, &src->diag, res) ? EXIT_USAGE : res->failed ? EXIT_INPUT : EXIT_DONE;
    for (uint32_t i = 0; i < res->n; i++) {
        show_diagnostics(o, &res->units[i].diag);
        if (o->verbose && r->want == PIPE_CODE)
            show_unit(o, src->op, &res->units[i], src->arena);
    }
    return status;
}

/* First as far as cases and row lengths can be told, then all of it. */
static int add_spec(const Options *o, const SubjectWish *wish, Source *src, Subject *s, PackWriter *w)
{
    const char *fix[OPTIONS_MAX_FIX];
    CaseLengths lengths = {.n = 0};
    SchedList scheds;
    Buf err = {0};
    PipeResult res = {0};
    PipeRequest r = request_of(o, src, fix);
    if (!sched_parse_list(o->schedule, src->arena, &scheds, &err)) {
        diag_report(&src->diag, DIAG_ERROR, LG_NONE, (Span){0}, "--schedule: %s", err.p);
        buf_free(&err);
        return EXIT_USAGE;
    }
    if (!wish->bundle)
        cases_narrow(src, &r, fix, s->target->kind == TGT_HOST ? DT_F32 : DT_BF16);
    r.general_too = true;
    r.scheds = scheds.s;
    r.nscheds = scheds.n;
    r.targets[0] = s->target;
    r.targets[1] = target_get(TARGET_HOST);
    r.ntargets = s->target->kind == TGT_HOST ? 1 : 2;
    r.want = PIPE_LOWERED;
    int status = wish->bundle ? EXIT_DONE : run(o, &r, src, &res);
    if (status == EXIT_DONE && !wish->bundle && !list_cases(o, src->op, &res, s, &lengths, &src->diag))
        status = EXIT_USAGE;
    pipe_free(&res);
    r.want = PIPE_CODE;
    if (wish->candidates) {
        r.lengths = lengths.length;
        r.length_nests = wish->bundle ? NULL : lengths.nest;
        r.nlengths = wish->bundle ? parse_lengths(o->lengths, lengths.length) : lengths.n;
        r.candidates = wish->candidates;
        r.host_too = s->target->kind == TGT_HOST;
        r.until_ms = wish->until;
        r.stop = wish->stop;
    }
    if (status == EXIT_DONE)
        status = run(o, &r, src, &res);
    if (status == EXIT_DONE)
        pipe_pack(&r, &res, w);
    pipe_free(&res);
    return status;
}

static int open_specs(const Options *o, const SubjectWish *wish, Subject *s)
{
    Source src[OPTIONS_MAX_FILES];
    PackWriter *w = pack_new(s->arena);
    int status = request_open(o, src);
    for (uint32_t i = 0; i < o->nfiles && status == EXIT_DONE; i++) {
        status = add_spec(o, wish, &src[i], s, w);
        show_diagnostics(o, &src[i].diag);
    }
    if (status == EXIT_DONE)
        pack_finish(w, &s->pack);
    request_close(o, src);
    return status == EXIT_DONE && s->pack.failed ? EXIT_INTERNAL : status;
}

/* ---- from a pack ---- */

static int open_pack(const Options *o, Subject *s)
{
    lgr_context *ctx = NULL;
    Diag d;
    diag_init(&d, s->arena);
    if (o->nfiles > 1) {
        fprintf(stderr, "ligerc: %s: wanted specs, or one pack\n", o->command);
        return EXIT_USAGE;
    }
    if (!read_file(o->files[0], &s->pack))
        return EXIT_FILE;
    s->pack.n--;                             /* the NUL behind the text */
    int status = EXIT_DONE;
    if (lgr_context_create(NULL, &ctx) != LGR_OK || lgr_pack_open_memory(ctx, s->pack.p, s->pack.n) != LGR_OK) {
        diag_report(&d, DIAG_ERROR, LG_PACK, (Span){0}, "%s: %s", o->files[0], lgr_last_error()->found);
        status = EXIT_INPUT;
    }
    lgr_context_destroy(ctx);
    if (status == EXIT_DONE && !cases_of_pack(o, s->pack.p, s->arena, &s->cases, &d))
        status = EXIT_USAGE;
    show_diagnostics(o, &d);
    return status;
}

/* ---- the whole ---- */

int subject_open(const Options *o, const Target *t, const SubjectWish *w, Subject *out)
{
    Options specs = *o;
    *out = (Subject){.arena = arena_new(), .target = t};
    specs.nfiles = 0;
    for (uint32_t i = 0; i < o->nfiles; i++)
        if (!path_ends(o->files[i], ".txt"))
            specs.files[specs.nfiles++] = o->files[i];
    if (!out->arena)
        return EXIT_INTERNAL;
    bool pack = specs.nfiles && path_ends(specs.files[0], ".lgk");
    int status = pack ? open_pack(&specs, out) : open_specs(&specs, w, out);
    if (status == EXIT_DONE && !w->bundle && !out->cases.n) {
        fprintf(stderr, "ligerc: %s: no kernel with these bindings takes a shape of --shapes\n", o->command);
        status = EXIT_USAGE;
    }
    if (status == EXIT_DONE && !w->bundle)
        status = make_copy(t, o->jobs, out);
    return status;
}

void subject_close(Subject *s)
{
    buf_free(&s->pack);
    buf_free(&s->copy);
    if (s->arena)
        arena_free(s->arena);
    s->arena = NULL;
}
