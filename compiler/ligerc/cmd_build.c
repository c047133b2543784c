/* cmd_build.c: `ligerc build`: specs to packs, headers, code and the texts of the stages between.
 *
 * A pack, a manifest or the text of a stage of several kernels or ops goes into one file where -o names one; into a folder each op, unit
 * or variant has its own file.  Nothing is written before everything is made.
 */
#include "emit.h"
#include "options.h"
#include "output.h"

#include <stdio.h>
#include <string.h>

typedef struct Build {
    const Options *o;
    Arena   *a;
    Diag     diag;                   /* of the build as a whole */
    Outputs  out;
    SchedList scheds;
    PackWriter *w;
    unsigned want;
    bool     folder;                 /* each has its own file */
} Build;

static bool asked(const Build *b, int e) { return b->o->emits >> e & 1; }

/* ---- one unit ---- */

void show_unit(const Options *o, const SemaOp *op, const PipeUnit *u, Arena *a)
{
    int regs = 0, spills = 0;
    for (uint32_t i = 0; i < u->n && o->verbose > 1; i++) {
        Buf b = {0};
        sched_print(&b, &u->variants[i].sched);
        fprintf(stderr, "  %s: %.2f ms, %d registers, %d bytes spilled\n", b.p, u->variants[i].ms, pipe_info(&u->variants[i], 0) ? pipe_info(&u->variants[i], 0)->regs : 0,
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

/* "rms_norm.forward.sm_80.T_bf16.casting_llama.v0.ptx", less what the piece does not depend on. */
static const char *leaf_of(const Build *b, const Emit *e, const SemaOp *op, const PipeUnit *u, uint32_t variant)
{
    if (e->each == EMIT_EACH_OP)
        return arena_strf(b->a, "%s%s.%s", e == emit_get(EMIT_HEADER) ? "liger_" : "", op->name, e->suffix);
    char *binding = arena_strf(b->a, "%s", sema_binding_text(op, (int)u->kernel, &u->binding, b->a));
    for (char *c = binding; *c; c++)
        *c = *c == ' ' ? '.' : *c == '=' ? '_' : *c == '*' ? '@' : *c;
    const char *target = e->each == EMIT_EACH_KERNEL ? "" : arena_strf(b->a, ".%s", u->target->name);
    const char *nth = e->each == EMIT_EACH_VARIANT ? arena_strf(b->a, ".v%u", (unsigned)variant) : "";
    return arena_strf(b->a, "%s.%s%s%s%s%s.%s", op->name, op->kernels[u->kernel].name, target, *binding ? "." : "", binding, nth, e->suffix);
}

/* Where a piece goes: its own, or the one that all share. */
static Buf *piece(Build *b, const Emit *e, const SemaOp *op, const PipeUnit *u, uint32_t variant)
{
    if (!b->folder && e->joins && b->out.n)
        return &b->out.o[0].data;
    return outputs_add(&b->out, leaf_of(b, e, op, u, variant));
}

static void put_title(const PipeUnit *u, const PipeVariant *v, const char *comment, Buf *out)
{
    buf_printf(out, "%s %s.%s [%s] %s: ", comment, u->fn->op_name, u->fn->name, u->fn->binding, u->target->name);
    sched_print(out, &v->sched);
    buf_puts(out, "\n");
}

static void put_text(Buf *out, const Buf *text)
{
    if (text->n)
        buf_put(out, text->p, text->n - (text->p[text->n - 1] == 0));
}

static void put_variant(EmitId e, const PipeUnit *u, const PipeVariant *v, Buf *out)
{
    switch (e) {
    case EMIT_LLVM:   put_title(u, v, ";", out); put_text(out, &v->llvm); break;
    case EMIT_PTX:    put_title(u, v, "//", out); put_text(out, &v->ptx); break;
    case EMIT_OBJECT: buf_put(out, v->object.p, v->object.n); break;
    default:          buf_put(out, v->code.p, v->code.n); break;
    }
}

static void put_unit(EmitId e, const PipeUnit *u, Buf *out)
{
    if (e == EMIT_TILE_IR)
        tir_print(out, u->fn);
    for (uint32_t i = 0; i < u->n && e != EMIT_TILE_IR; i++) {
        put_title(u, &u->variants[i], "//", out);
        for (uint32_t j = 0; e == EMIT_LOWERED_IR && j < u->variants[i].low->nlaunch; j++)
            lir_print(out, u->variants[i].low->launch[j].fn);
    }
}

static void emit_unit(Build *b, EmitId id, const SemaOp *op, const PipeUnit *u)
{
    const Emit *e = emit_get(id);
    if (!emit_of(e, u->target) || (e->each == EMIT_EACH_KERNEL && u->target != b->o->targets[0]))
        return;
    if (e->each != EMIT_EACH_VARIANT)
        put_unit(id, u, piece(b, e, op, u, 0));
    for (uint32_t i = 0; i < u->n && e->each == EMIT_EACH_VARIANT; i++)
        put_variant(id, u, &u->variants[i], piece(b, e, op, u, i));
}

/* ---- one op ---- */

/* Everything that is read off a pack; `op` is the last one in it. */
static void emit_pack(Build *b, const SemaOp *op)
{
    Buf pack = {0};
    pack_finish(b->w, &pack);
    b->w = NULL;
    if (!pack.failed && asked(b, EMIT_HEADER))
        pack_header(pack.p, op->name, piece(b, emit_get(EMIT_HEADER), op, NULL, 0));
    if (!pack.failed && asked(b, EMIT_MANIFEST))
        pack_manifest(pack.p, false, b->a, piece(b, emit_get(EMIT_MANIFEST), op, NULL, 0));
    if (!pack.failed && asked(b, EMIT_PLAN))
        pack_manifest(pack.p, true, b->a, piece(b, emit_get(EMIT_PLAN), op, NULL, 0));
    if (asked(b, EMIT_PACK))
        *piece(b, emit_get(EMIT_PACK), op, NULL, 0) = pack;
    else
        buf_free(&pack);
}

static void emit_op(Build *b, const PipeRequest *r, const PipeResult *res, bool last)
{
    bool packed = false;
    for (int e = 0; e < EMIT_COUNT; e++) {
        packed |= asked(b, e) && emit_get((EmitId)e)->each == EMIT_EACH_OP;
        for (uint32_t i = 0; i < res->n && asked(b, e) && emit_get((EmitId)e)->each != EMIT_EACH_OP; i++)
            emit_unit(b, (EmitId)e, r->op, &res->units[i]);
    }
    if (!packed)
        return;
    if (!b->w)
        b->w = pack_new(b->a);
    pipe_pack(r, res, b->w);
    if (b->folder || last || asked(b, EMIT_HEADER))
        emit_pack(b, r->op);
}

static int build_op(Build *b, Source *s, PipeResult *res, bool last)
{
    const char *fix[OPTIONS_MAX_FIX];
    PipeRequest r = request_of(b->o, s, fix);
    r.scheds = b->scheds.s;
    r.nscheds = b->scheds.n;
    r.want = b->want;
    r.checked_only = b->o->checked;
    if (!pipe_run(&r, s->arena, &s->diag, res))
        return EXIT_USAGE;
    for (uint32_t i = 0; i < res->n; i++) {
        show_diagnostics(b->o, &res->units[i].diag);
        if (b->o->verbose)
            show_unit(b->o, r.op, &res->units[i], s->arena);
    }
    if (res->failed)
        return EXIT_INPUT;
    emit_op(b, &r, res, last);
    return EXIT_DONE;
}

/* ---- what is asked, and whether it can be had ---- */

static int wrong(Build *b, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int wrong(Build *b, int status, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    diag_report(&b->diag, DIAG_ERROR, LG_NONE, (Span){0}, "%s", text);
    return status;
}

/* A pack holds every target; of the others one is enough, and the targets that lack it are passed over. */
static int check_targets(Build *b, const Emit *e)
{
    const Options *o = b->o;
    uint32_t have = 0;
    for (uint32_t i = 0; i < o->ntargets; i++) {
        bool has = emit_of(e, o->targets[i]);
        have += has;
        if (!has && e->each == EMIT_EACH_OP)
            return wrong(b, EXIT_USAGE, "--emit=%s: target %s is for `ligerc check`; it has no code to write", e->name, o->targets[i]->name);
    }
    if (!have)
        return wrong(b, EXIT_USAGE, "--emit=%s: no target given has it; it is of %s", e->name, e->of == EMIT_OF_GPU ? "GPUs, for example --target=sm_90a" : "the host, --target=host");
    return EXIT_DONE;
}

static int check_request(Build *b)
{
    const Options *o = b->o;
    int status = EXIT_DONE;
    if (!o->nfiles)
        return wrong(b, EXIT_USAGE, "no spec to build; try --help");
    if (o->depfile && !o->make_deps)
        return wrong(b, EXIT_USAGE, "-MF names the file of -MD, which is not given");
    if (o->make_deps && !o->depfile && o->output && !strcmp(o->output, "-"))
        return wrong(b, EXIT_USAGE, "-MD: the output is standard output; name the rule's file by -MF");
    for (int e = 0; e < EMIT_COUNT && status == EXIT_DONE; e++)
        if (asked(b, e))
            status = check_targets(b, emit_get((EmitId)e));
    if (status == EXIT_DONE && asked(b, EMIT_CUBIN) && o->ptx_only)
        return wrong(b, EXIT_USAGE, "--emit=cubin and --ptx exclude each other");
    if (status == EXIT_DONE && asked(b, EMIT_CUBIN) && !ll_ptxas_path())
        return wrong(b, EXIT_UNSUPPORTED, "--emit=cubin: ptxas is not installed; it comes with the CUDA toolkit, or name it in LGR_PTXAS");
    return status;
}

static int check_ops(Build *b, const Source *src)
{
    for (uint32_t i = 0; i < b->o->nfiles; i++)
        for (uint32_t j = 0; j < i; j++)
            if (!strcmp(src[i].op->name, src[j].op->name))
                return wrong(b, EXIT_USAGE, "%s and %s are both of the op %s", b->o->files[j], b->o->files[i], src[i].op->name);
    return EXIT_DONE;
}

/* ---- the whole ---- */

static const char *default_output(const Build *b, bool folder)
{
    if (folder)
        return ".";
    if (asked(b, EMIT_PACK))
        return "out.lgk";
    return asked(b, EMIT_CUBIN) || asked(b, EMIT_OBJECT) ? b->out.o[0].leaf : "-";
}

static int write_all(Build *b)
{
    bool folder = b->folder || b->out.n > 1;
    if (!b->out.n)
        return wrong(b, EXIT_USAGE, "nothing to write: no kernel has these bindings");
    const char *where = b->o->output ? b->o->output : default_output(b, folder);
    if (folder && !strcmp(where, "-"))
        return wrong(b, EXIT_USAGE, "%u outputs do not go to standard output: name a folder by -o", (unsigned)b->out.n);
    for (uint32_t i = 0; i < b->out.n; i++)
        if (b->out.o[i].data.failed)
            return wrong(b, EXIT_INTERNAL, "memory ran out");
    if (!outputs_write(&b->out, where, folder, &b->diag))
        return EXIT_FILE;
    if (!b->o->make_deps)
        return EXIT_DONE;
    const char *rule = b->o->depfile ? b->o->depfile : folder ? arena_strf(b->a, "%s/ligerc.d", where) : arena_strf(b->a, "%s.d", where);
    return outputs_rule(&b->out, b->o->files, b->o->nfiles, rule, &b->diag) ? EXIT_DONE : EXIT_FILE;
}

static int build_all(Build *b)
{
    Source src[OPTIONS_MAX_FILES];
    PipeResult res[OPTIONS_MAX_FILES] = {{0}};
    int status = request_open(b->o, src);
    if (status == EXIT_DONE)
        status = check_ops(b, src);
    for (uint32_t i = 0; status == EXIT_DONE && i < b->o->nfiles; i++) {
        status = build_op(b, &src[i], &res[i], i + 1 == b->o->nfiles);
        show_diagnostics(b->o, &src[i].diag);
    }
    if (status == EXIT_DONE)
        status = write_all(b);
    for (uint32_t i = 0; i < b->o->nfiles; i++)
        pipe_free(&res[i]);
    request_close(b->o, src);
    return status;
}

static int start(Build *b)
{
    Buf err = {0};
    int status = check_request(b);
    if (status == EXIT_DONE && !sched_parse_list(b->o->schedule, b->a, &b->scheds, &err))
        status = wrong(b, EXIT_USAGE, "--schedule: %s", err.p);
    buf_free(&err);
    for (int e = 0; e < EMIT_COUNT; e++)
        b->want |= asked(b, e) ? emit_get((EmitId)e)->want : 0;
    b->folder = __builtin_popcount(b->o->emits) > 1 || (b->o->output && output_is_folder(b->o->output));
    return status;
}

int cmd_build(const Options *o)
{
    Arena *a = arena_new();
    if (!a)
        return EXIT_INTERNAL;
    Build b = {.o = o, .a = a, .out.a = a};
    diag_init(&b.diag, a);
    int status = start(&b);
    if (status == EXIT_DONE)
        status = build_all(&b);
    show_diagnostics(o, &b.diag);
    outputs_free(&b.out);
    arena_free(a);
    return status;
}
