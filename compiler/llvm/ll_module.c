/* ll_module.c: the room's front: functions to a module, passes, and the emitted text or object.
 *
 * In: verified functions of one kernel.  Out: PTX, LLVM IR text, or a relocatable object.  Each call has a context of
 * its own.  Loops are neither unrolled nor vectorised by LLVM: the schedule has done both.
 */
#include <llvm-c/Analysis.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ll_link.h"
#include "ll_session.h"

static void types(Ll *l)
{
    LLVMContextRef c = l->cx;
    l->ty = (LlTypes){
        LLVMVoidTypeInContext(c), LLVMInt1TypeInContext(c), LLVMInt8TypeInContext(c), LLVMInt16TypeInContext(c),
        LLVMInt32TypeInContext(c), LLVMInt64TypeInContext(c), LLVMHalfTypeInContext(c), LLVMBFloatTypeInContext(c),
        LLVMFloatTypeInContext(c), LLVMDoubleTypeInContext(c), LLVMPointerTypeInContext(c, 0), LLVMPointerTypeInContext(c, 1),
        LLVMPointerTypeInContext(c, 3)};
}

static void new_module(Ll *l, const char *name)
{
    l->cx = LLVMContextCreate();
    ll_catch(l);
    l->mod = LLVMModuleCreateWithNameInContext(name, l->cx);
    l->b = LLVMCreateBuilderInContext(l->cx);
    types(l);
    char *triple = LLVMGetTargetMachineTriple(l->tm);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(l->tm);
    LLVMSetTarget(l->mod, triple);
    LLVMSetModuleDataLayout(l->mod, layout);
    LLVMDisposeTargetData(layout);
    LLVMDisposeMessage(triple);
}

/* For GPUs, what matters of LLVM's own list, in a tenth of its time: sums, products, comparisons and multiply-adds are written short in the first place
 * (ll_fold.c), and so are common subexpressions (lir_share.c).  ptxas makes as good code of it, but for its luck, 1 % or 2 either way. */
#define GPU_PASSES "function(mem2reg,simplifycfg,instsimplify,loop(loop-rotate),simplifycfg,adce)"

static const char *pass_list(const Ll *l, char *text, size_t n)
{
    int level = l->opt->opt_level < 0 ? 0 : l->opt->opt_level > 3 ? 3 : l->opt->opt_level;
    if (l->t && level >= 2)
        return GPU_PASSES;
    snprintf(text, n, "default<O%d>", level);
    return text;
}

static void verify(Ll *l)
{
    char *err = NULL;
    if (LLVMVerifyModule(l->mod, LLVMReturnStatusAction, &err)) {
        char text[600];
        snprintf(text, sizeof text, "%s", err);
        LLVMDisposeMessage(err);
        ll_fail(l, DIAG_BUG, LG_EMIT, (Span){0}, "ill-formed LLVM IR: %s", text);
    }
    LLVMDisposeMessage(err);
}

static void optimise(Ll *l)
{
    char text[32];
    LLVMPassBuilderOptionsRef po = LLVMCreatePassBuilderOptions();
    LLVMPassBuilderOptionsSetLoopUnrolling(po, 0);
    LLVMPassBuilderOptionsSetLoopVectorization(po, 0);
    LLVMPassBuilderOptionsSetSLPVectorization(po, 0);
    LLVMPassBuilderOptionsSetLoopInterleaving(po, 0);
    LLVMErrorRef e = LLVMRunPasses(l->mod, pass_list(l, text, sizeof text), l->tm, po);
    LLVMDisposePassBuilderOptions(po);
    if (e)
        ll_fail(l, DIAG_BUG, LG_EMIT, (Span){0}, "LLVM's passes: %s", LLVMGetErrorMessage(e));
}

static void prepare(Ll *l)
{
    l->hooks = l->t ? &ll_nvptx_hooks : &ll_host_hooks;
    l->ptx = l->t && strlen(l->t->ptx) > 4 ? atoi(l->t->ptx + 4) : 0;
    l->tm = l->t ? ll_gpu_machine(l->s, l->t) : ll_host_machine(l->s, l->opt);
    l->cpu = ll_cpu(l->s, l->opt);
    l->features = ll_features(l->s, l->opt);
    l->places = l->opt->places ? l->opt->places : l->d;
    if (!l->tm)
        ll_fail(l, DIAG_BUG, LG_EMIT, (Span){0}, "LLVM has no target machine for %s", l->t ? l->t->name : l->cpu);
}

static void dispose(Ll *l)
{
    if (l->di)
        LLVMDisposeDIBuilder(l->di);
    if (l->b)
        LLVMDisposeBuilder(l->b);
    if (l->mod)
        LLVMDisposeModule(l->mod);
    if (l->cx)
        LLVMContextDispose(l->cx);
}

/* Everything between the jump's target and its sources lives in *l, which is not on this frame's registers. */
static bool guarded(Ll *l, LirFn *const *fns, uint32_t n, void (*then)(Ll *, void *), void *arg)
{
    switch (setjmp(l->fail)) {
    case 0: break;
    case LL_JUMP_LLVM: return false;       /* its objects are in no state to be destroyed */
    default: dispose(l); return false;
    }
    uint32_t before = l->d->nerrors;
    prepare(l);
    new_module(l, n ? fns[0]->name : "empty");
    ll_lines_begin(l);
    for (uint32_t i = 0; i < n; i++)
        ll_emit_fn(l, fns[i]);
    ll_lines_end(l);
    verify(l);
    optimise(l);
    then(l, arg);
    bool good = l->d->nerrors == before;
    dispose(l);
    return good;
}

bool ll_with_module(LlSession *s, LirFn *const *fns, uint32_t n, const Target *t, const LlOptions *o, Diag *d,
                    void (*then)(Ll *l, void *arg), void *arg)
{
    Ll *l = calloc(1, sizeof *l);
    Arena *a = arena_new();
    bool good = false;
    if (l && a) {
        *l = (Ll){.s = s, .a = a, .d = d, .opt = o, .t = t && t->kind == TGT_GPU ? t : NULL};
        arena_on_oom(a, &l->fail);
        ll_enter(l);
        uint32_t before = d->nerrors;
        good = guarded(l, fns, n, then, arg);
        ll_leave();
        if (!good && d->nerrors == before)
            diag_report(d, DIAG_ERROR, LG_MEMORY, (Span){0}, "memory ran out");
    } else
        diag_report(d, DIAG_ERROR, LG_MEMORY, (Span){0}, "memory ran out");
    arena_free(a);
    free(l);
    return good;
}

/* ---- outputs ---- */

typedef struct Out { Buf *buf; LLVMCodeGenFileType kind; } Out;

static void emit_buffer(Ll *l, void *arg)
{
    Out *out = arg;
    char *err = NULL;
    LLVMMemoryBufferRef m;
    if (LLVMTargetMachineEmitToMemoryBuffer(l->tm, l->mod, out->kind, &err, &m))
        ll_fail(l, DIAG_BUG, LG_EMIT, (Span){0}, "LLVM: %s", err);
    buf_put(out->buf, LLVMGetBufferStart(m), LLVMGetBufferSize(m));
    LLVMDisposeMemoryBuffer(m);
}

static void emit_text(Ll *l, void *arg)
{
    char *text = LLVMPrintModuleToString(l->mod);
    buf_puts(arg, text);
    LLVMDisposeMessage(text);
}

bool ll_emit_ptx(LlSession *s, LirFn *const *fns, uint32_t n, const Target *t, const LlOptions *o, Buf *out, Diag *d)
{
    if (t->kind != TGT_GPU) {
        diag_report(d, DIAG_ERROR, LG_EMIT, (Span){0}, "%s has no PTX", t->name);
        return false;
    }
    Out to = {out, LLVMAssemblyFile};
    return ll_with_module(s, fns, n, t, o, d, emit_buffer, &to) && !out->failed;
}

bool ll_emit_ir(LlSession *s, LirFn *const *fns, uint32_t n, const Target *t, const LlOptions *o, Buf *out, Diag *d)
{
    return ll_with_module(s, fns, n, t, o, d, emit_text, out) && !out->failed;
}

bool ll_emit_object(LlSession *s, LirFn *const *fns, uint32_t n, const LlOptions *o, Buf *obj, Diag *d)
{
    Out to = {obj, LLVMObjectFile};
    return ll_with_module(s, fns, n, NULL, o, d, emit_buffer, &to) && !obj->failed;
}

bool ll_emit_host(LlSession *s, LirFn *const *fns, uint32_t n, const LlOptions *o, Buf *blob, uint32_t *entry, Diag *d)
{
    Buf obj = {0};
    bool good = ll_emit_object(s, fns, n, o, &obj, d) && ll_link_flat(obj.p, obj.n, fns, n, blob, entry, d);
    buf_free(&obj);
    return good;
}
