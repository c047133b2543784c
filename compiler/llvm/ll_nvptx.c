/* ll_nvptx.c: GPU kernels: entry form, special registers, shuffles, barriers, asynchronous copies, conversions, fast math.
 *
 * In: operations whose form depends on the target.  Out: NVPTX intrinsics and inline assembler.  A kernel takes its parameter
 * words as one byval grid constant, so that a word is one ld.param.  Shared memory is one dynamic array.
 * After each wait stands an empty asm that clobbers memory: LLVM takes some waits to touch only their arguments.
 */
#include <stdio.h>
#include <string.h>
#include "ll_nvptx.h"

static void attr(Ll *l, const char *key, const char *value)
{
    LLVMAttributeRef a = LLVMCreateStringAttribute(l->cx, key, (unsigned)strlen(key), value, (unsigned)strlen(value));
    LLVMAddAttributeAtIndex(l->func, LLVMAttributeFunctionIndex, a);
}

static void enum_attr(Ll *l, unsigned at, const char *name, uint64_t v)
{
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(l->func, at, LLVMCreateEnumAttribute(l->cx, kind, v));
}

static void kernel_attrs(Ll *l)
{
    char text[32];
    const LirFn *fn = l->fn;
    snprintf(text, sizeof text, "%u,1,1", fn->threads);
    attr(l, "nvvm.reqntid", text);
    if (fn->max_regs) {
        snprintf(text, sizeof text, "%u", fn->max_regs);
        attr(l, "nvvm.maxnreg", text);
    } else if (fn->min_ctas) {
        snprintf(text, sizeof text, "%u", fn->min_ctas);
        attr(l, "nvvm.minctasm", text);
    }
    if (fn->cluster > 1) {
        if (!(l->t->features & TGT_F_CLUSTER))
            ll_fail(l, DIAG_LIMIT, LG_EMIT, (Span){0}, "%s: %s has no clusters of blocks", fn->name, l->t->name);
        snprintf(text, sizeof text, "%u,1,1", fn->cluster);
        attr(l, "nvvm.cluster_dim", text);
    }
    if (!fn->precise)
        attr(l, "denormal-fp-math-f32", "preserve-sign,preserve-sign");
    enum_attr(l, LLVMAttributeFunctionIndex, "nounwind", 0);
}

static void param_attrs(Ll *l)
{
    unsigned kind = LLVMGetEnumAttributeKindForName("byval", 5);
    LLVMTypeRef words = LLVMArrayType2(l->ty.i64, l->fn->nwords);
    LLVMAddAttributeAtIndex(l->func, 1, LLVMCreateTypeAttribute(l->cx, kind, words));
    enum_attr(l, 1, "align", 8);
    LLVMAddAttributeAtIndex(l->func, 1, LLVMCreateStringAttribute(l->cx, "nvvm.grid_constant", 18, "", 0));
}

static LLVMValueRef shared_array(Ll *l)
{
    LLVMValueRef g = LLVMGetNamedGlobal(l->mod, "lgr_smem");
    if (!g) {
        g = LLVMAddGlobalInAddressSpace(l->mod, LLVMArrayType2(l->ty.i8, 0), "lgr_smem", 3);
        LLVMSetLinkage(g, LLVMExternalLinkage);
        LLVMSetAlignment(g, 128);
    }
    return g;
}

static void begin(Ll *l)
{
    bool words = l->fn->nwords > 0;
    LLVMTypeRef ft = LLVMFunctionType(l->ty.v, &l->ty.ptr, words ? 1 : 0, 0);
    l->func = LLVMAddFunction(l->mod, l->fn->name, ft);
    LLVMSetFunctionCallConv(l->func, LLVMPTXKernelCallConv);
    kernel_attrs(l);
    if (words) {
        param_attrs(l);
        l->words = LLVMGetParam(l->func, 0);
    }
    l->smem = l->fn->smem ? shared_array(l) : NULL;
    LLVMBasicBlockRef body = (l->entry = ll_block(l, "entry"), ll_block(l, "start"));
    LLVMPositionBuilderAtEnd(l->b, l->entry);
    LLVMBuildBr(l->b, body);
    LLVMPositionBuilderAtEnd(l->b, body);
}

static void end(Ll *l) { LLVMBuildRetVoid(l->b); }

static LLVMValueRef leaf(Ll *l, const LirOp *o)
{
    switch (o->op) {
    case LIR_TID:    return ll_intr(l, "llvm.nvvm.read.ptx.sreg.tid.x", NULL, 0, NULL);
    case LIR_CTAID:  return ll_intr(l, "llvm.nvvm.read.ptx.sreg.ctaid.x", NULL, 0, NULL);
    case LIR_NCTAID: return ll_intr(l, "llvm.nvvm.read.ptx.sreg.nctaid.x", NULL, 0, NULL);
    default:
        if (l->fn->cluster <= 1)
            return ll_i32(l, 0);
        return ll_intr(l, "llvm.nvvm.read.ptx.sreg.cluster.ctarank", NULL, 0, NULL);
    }
}

static LLVMValueRef word_addr(Ll *l, int64_t word)
{
    LLVMValueRef at = ll_i64(l, word);
    return LLVMBuildGEP2(l->b, l->ty.i64, l->words, &at, 1, "");
}

/* ---- between threads ---- */

static void clobber(Ll *l) { ll_asm(l, l->ty.v, "", "~{memory}", true, 0, NULL); }

static LLVMValueRef shuffle_word(Ll *l, const LirOp *o, LLVMValueRef v, const char *type)
{
    char name[64];
    snprintf(name, sizeof name, "llvm.nvvm.shfl.sync.%s.%s", o->op == LIR_BFLY ? "bfly" : "idx", type);
    LLVMValueRef args[] = {ll_i32(l, -1), v, ll_i32(l, o->imm.i), ll_i32(l, 31)};
    return ll_intr(l, name, NULL, 4, args);
}

static LLVMValueRef shuffle_wide(Ll *l, const LirOp *o, LLVMValueRef v)
{
    LLVMTypeRef pair = LLVMVectorType(l->ty.i32, 2);
    LLVMValueRef two = LLVMBuildBitCast(l->b, v, pair, ""), e[2];
    for (unsigned i = 0; i < 2; i++)
        e[i] = shuffle_word(l, o, ll_elem(l, two, i), "i32");
    return LLVMBuildBitCast(l->b, ll_vector(l, l->ty.i32, e, 2), LLVMTypeOf(v), "");
}

static void convergent(Ll *l, LLVMValueRef call)
{
    unsigned kind = LLVMGetEnumAttributeKindForName("convergent", 10);
    LLVMAddCallSiteAttribute(call, LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(l->cx, kind, 0));
}

/* A vote on each bit: for a digit's sooner than the machine's own comparison, which takes a turn for each value that there is. */
static LLVMValueRef alike(Ll *l, LLVMValueRef v, int bits)
{
    LLVMValueRef all = ll_i32(l, -1);
    for (int i = 0; i < bits; i++) {
        LLVMValueRef args[] = {v, ll_i32(l, (int)(1u << i))};
        LLVMValueRef vote = ll_asm(l, l->ty.i32, "{ .reg .pred p; .reg .b32 b; and.b32 b, $1, $2; setp.ne.b32 p, b, 0; vote.sync.ballot.b32 $0, p, -1; @!p not.b32 $0, $0; }", "=r,r,n", true, 2, args);
        convergent(l, vote);
        all = LLVMBuildAnd(l->b, all, vote, "");
    }
    LLVMValueRef before = LLVMBuildAnd(l->b, all, ll_intr(l, "llvm.nvvm.read.ptx.sreg.lanemask.lt", NULL, 0, NULL), "");
    LLVMValueRef many = LLVMBuildShl(l->b, ll_intr1(l, "llvm.ctpop", all), ll_i32(l, 16), "");
    return LLVMBuildOr(l->b, ll_intr1(l, "llvm.ctpop", before), many, "");
}

static LLVMValueRef shuffle(Ll *l, const LirOp *o, LLVMValueRef v)
{
    LLVMTypeRef t = LLVMTypeOf(v);
    if (o->op == LIR_ALIKE)
        return alike(l, v, (int)o->imm.i);
    if (o->op == LIR_WSUM) {
        LLVMValueRef args[] = {v, ll_i32(l, -1)};
        return ll_intr(l, "llvm.nvvm.redux.sync.add", NULL, 2, args);
    }
    if (t == l->ty.f32)
        return shuffle_word(l, o, v, "f32");
    if (t == l->ty.i32)
        return shuffle_word(l, o, v, "i32");
    if (t == l->ty.i64 || t == l->ty.f64)
        return shuffle_wide(l, o, v);
    LLVMValueRef w = shuffle_word(l, o, LLVMBuildZExt(l->b, v, l->ty.i32, ""), "i32");
    return LLVMBuildTrunc(l->b, w, t, "");
}

/* Into the second-level cache. */
static void prefetch(Ll *l, const LirOp *o)
{
    LLVMValueRef at = ll_arg(l, o, 0).p[0];
    ll_asm(l, l->ty.v, "prefetch.global.L2 [$0];", "l", true, 1, &at);
}

static void ask(Ll *l, const LirOp *o)
{
    LLVMValueRef args[] = {ll_arg(l, o, 0).p[0], ll_pred_word(l, ll_arg(l, o, 1).p[0]), ll_arg(l, o, 2).p[0]};
    if (l->ptx >= 80)
        ll_asm(l, l->ty.v, "{ .reg .pred p; setp.ne.b32 p, $1, 0; @p cp.async.bulk.prefetch.L2.global [$0], $2; }", "l,r,r", true, 3, args);
}

static void discard(Ll *l, const LirOp *o)
{
    LLVMValueRef args[] = {ll_arg(l, o, 0).p[0], ll_pred_word(l, ll_arg(l, o, 1).p[0])};
    if (l->ptx >= 74)
        ll_asm(l, l->ty.v, "{ .reg .pred p; setp.ne.b32 p, $1, 0; @p discard.global.L2 [$0], 128; }", "l,r,~{memory}", true, 2, args);
}

/* Upper half of what createpolicy makes, from sm_90 on, of L2::evict_first for all of it. */
enum { EVICT_FIRST = 0x12f00000 };

/* Where a copy goes to, with what is used once the first to leave the second-level cache: else what was written before would, into memory in the midst of
 * the reads.  A uniform register in this address is one that ptxas takes the policy for: prmt hides it. */
static LLVMValueRef once(Ll *l, LLVMValueRef at) { return ll_asm(l, l->ty.i32, "prmt.b32 $0, $1, 0, 0x3210;", "=r,r", false, 1, &at); }

static void copy_async(Ll *l, const LirOp *o)
{
    char text[200], cons[32];
    LLVMValueRef pred = ll_arg(l, o, 2).p[0], at = ll_shared_addr(l, ll_arg(l, o, 0).p[0]), args[4] = {at, ll_arg(l, o, 1).p[0]};
    bool always = LLVMIsAConstantInt(pred) && LLVMConstIntGetZExtValue(pred), stream = (o->flags & LIR_F_STREAM) && l->t->sm >= 90;
    unsigned n = 2;
    if (stream) {
        args[0] = once(l, at);
        args[n++] = LLVMConstInt(l->ty.i64, (uint64_t)EVICT_FIRST << 32, 0);
    }
    char guard[64] = "";
    if (!always) {
        snprintf(guard, sizeof guard, ".reg .pred p; setp.ne.b32 p, $%u, 0; @p ", n);
        args[n++] = ll_pred_word(l, pred);
    }
    snprintf(text, sizeof text, "{ %scp.async.%s.shared.global%s [$0], [$1], %d%s; }", guard, o->imm.i == 16 && !(o->flags & LIR_F_KEEP) ? "cg" : "ca", stream ? ".L2::cache_hint" : "",
             (int)o->imm.i, stream ? ", $2" : "");
    snprintf(cons, sizeof cons, "r,l%s%s,~{memory}", stream ? ",l" : "", always ? "" : ",r");
    ll_asm(l, l->ty.v, text, cons, true, n, args);
}

static void call0(Ll *l, const char *name) { ll_intr(l, name, NULL, 0, NULL); }

static void call1(Ll *l, const char *name, int64_t v)
{
    LLVMValueRef a = ll_i32(l, v);
    ll_intr(l, name, NULL, 1, &a);
}

/* The assembler would wait before anything else: not before it has the address of what is accessed behind the wait, which is never negative. */
static void wait_for(Ll *l, LLVMValueRef address)
{
    if (address)
        ll_asm(l, l->ty.v, "{ .reg .pred p; setp.ge.s64 p, $0, 0; @p griddepcontrol.wait; }", "l,~{memory}", true, 1, &address);
    else {
        call0(l, "llvm.nvvm.griddepcontrol.wait");
        clobber(l);
    }
}

static void dependent(Ll *l, const LirOp *o)
{
    if (!l->fn->pdl || !(l->t->features & TGT_F_PDL))
        return;
    if (o->op == LIR_PDLWAIT)
        wait_for(l, l->behind_wait);
    else
        call0(l, "llvm.nvvm.griddepcontrol.launch.dependents");
}

static void pause_for(Ll *l, const LirOp *o)
{
    LLVMValueRef cycles = ll_arg(l, o, 0).p[0];
    ll_asm(l, l->ty.v, "{ .reg .pred p; .reg .b32 a, b; setp.le.s32 p, $0, 0; @p bra go_${:uid}; mov.u32 a, %clock; wait_${:uid}: mov.u32 b, %clock; "
           "sub.s32 b, b, a; setp.lt.s32 p, b, $0; @p bra wait_${:uid}; go_${:uid}: }", "r,~{memory}", true, 1, &cycles);      /* who need not wait reads no clock */
}

/* With the number of a barrier in a register ptxas reserves all sixteen, and few blocks fit on a multiprocessor: so one barrier
 * with a constant number for each group of the block, under a predicate. */
static void named_barrier(Ll *l, const LirOp *o)
{
    Buf text = {0}, cons = {0};
    unsigned threads = (unsigned)o->imm.i, groups = threads ? l->fn->threads / threads : 0;
    if (groups < 1 || groups > 15)
        ll_fail(l, DIAG_LIMIT, LG_EMIT, o->sp, "%u groups of threads with a barrier each; a block has 15", groups);
    buf_puts(&text, "{ .reg .pred p; ");
    for (unsigned i = 1; i <= groups; i++)
        buf_printf(&text, "setp.%s.u32 p, $0, %u; @p bar.sync %u, %u; ", i == groups ? "ge" : "eq", i, i, threads);
    buf_puts(&text, "}");
    buf_puts(&cons, "r,~{memory}");
    LLVMValueRef call = ll_asm_bufs(l, l->ty.v, &text, &cons, true, 1, &ll_arg(l, o, 0).p[0]);
    convergent(l, call);
}

static void warp_barrier(Ll *l, const LirOp *o)
{
    char text[96];
    LLVMValueRef on = ll_pred_word(l, ll_arg(l, o, 0).p[0]);
    snprintf(text, sizeof text, "{ .reg .pred p; setp.ne.b32 p, $0, 0; @p bar.sync %d, 32; }", (int)o->imm.i);
    convergent(l, ll_asm(l, l->ty.v, text, "r,~{memory}", true, 1, &on));
}

static void cluster_barrier(Ll *l, const LirOp *o)
{
    static const char *const text[] = {"barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned;",
                                       "barrier.cluster.arrive.relaxed.aligned;", "barrier.cluster.wait.acquire.aligned;"};
    convergent(l, ll_asm(l, l->ty.v, text[o->imm.i], "~{memory}", true, 0, NULL));
}

static LLVMValueRef inbox(Ll *l, const LirOp *o) { return ll_shared_addr(l, ll_i32(l, l->fn->inbox + 8 * (unsigned)o->ref)); }

/* One thread opens it: a barrier that one arrival, which is made at once, and the bytes complete. */
static void open_inbox(Ll *l, const LirOp *o)
{
    LLVMValueRef args[] = {inbox(l, o), ll_i32(l, o->imm.i)};
    ll_asm(l, l->ty.v, "{ .reg .pred p; .reg .b32 t; mov.u32 t, %tid.x; setp.eq.u32 p, t, 0; @p mbarrier.init.shared::cta.b64 [$0], 1; "
           "@p fence.mbarrier_init.release.cluster; @p mbarrier.arrive.expect_tx.shared::cta.b64 _, [$0], $1; }", "r,r,~{memory}", true, 2, args);
}

static void await_inbox(Ll *l, const LirOp *o)
{
    LLVMValueRef args[] = {inbox(l, o)};
    ll_asm(l, l->ty.v, "{ .reg .pred p; full_${:uid}: mbarrier.try_wait.parity.shared::cta.b64 p, [$0], 0; @!p bra full_${:uid}; }", "r,~{memory}", true, 1, args);
}

static void send(Ll *l, const LirOp *o)
{
    LLVMValueRef args[] = {ll_shared_addr(l, ll_arg(l, o, 0).p[0]), LLVMBuildBitCast(l->b, ll_arg(l, o, 1).p[0], l->ty.i32, ""), ll_arg(l, o, 2).p[0],
                           ll_pred_word(l, ll_arg(l, o, 3).p[0]), inbox(l, o)};
    ll_asm(l, l->ty.v, "{ .reg .pred p; .reg .b32 ra, rb; setp.ne.b32 p, $3, 0; mapa.shared::cluster.u32 ra, $0, $2; mapa.shared::cluster.u32 rb, $4, $2; "
           "@p st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.b32 [ra], $1, [rb]; }", "r,r,r,r,r,~{memory}", true, 5, args);
}

static LLVMValueRef numbered_inbox(Ll *l, LLVMValueRef n)
{
    return ll_shared_addr(l, LLVMBuildAdd(l->b, ll_i32(l, l->fn->inbox), LLVMBuildShl(l->b, n, ll_i32(l, 3), ""), ""));
}

static void open_inboxes(Ll *l, const LirOp *o)
{
    Buf text = {0}, cons = {0};
    LLVMValueRef at = ll_shared_addr(l, ll_i32(l, l->fn->inbox));
    buf_puts(&text, "{ .reg .pred p; .reg .b32 t; mov.u32 t, %tid.x; setp.eq.u32 p, t, 0; ");
    for (int i = 0; i < (int)o->imm.i; i++)
        buf_printf(&text, "@p mbarrier.init.shared::cta.b64 [$0+%d], 1; ", 8 * i);
    buf_puts(&text, "@p fence.mbarrier_init.release.cluster; }");
    buf_puts(&cons, "r,~{memory}");
    ll_asm_bufs(l, l->ty.v, &text, &cons, true, 1, &at);
}

static void arm_inbox(Ll *l, const LirOp *o)
{
    LLVMValueRef args[] = {numbered_inbox(l, ll_arg(l, o, 0).p[0]), ll_i32(l, o->imm.i), ll_pred_word(l, ll_arg(l, o, 1).p[0])};
    ll_asm(l, l->ty.v, "{ .reg .pred p; setp.ne.b32 p, $2, 0; @p mbarrier.arrive.expect_tx.shared::cta.b64 _, [$0], $1; }", "r,r,r,~{memory}", true, 3, args);
}

static void take_inbox(Ll *l, const LirOp *o)
{
    LLVMValueRef args[] = {numbered_inbox(l, ll_arg(l, o, 0).p[0]), ll_arg(l, o, 1).p[0]};
    ll_asm(l, l->ty.v, "{ .reg .pred p; full_${:uid}: mbarrier.try_wait.parity.shared::cta.b64 p, [$0], $1; @!p bra full_${:uid}; }", "r,r,~{memory}", true, 2, args);
}

static void send_numbered(Ll *l, const LirOp *o)
{
    char text[256];
    LLVMValueRef args[] = {ll_shared_addr(l, ll_arg(l, o, 0).p[0]), LLVMBuildBitCast(l->b, ll_arg(l, o, 1).p[0], l->ty.i32, ""), ll_arg(l, o, 3).p[0],
                           numbered_inbox(l, ll_arg(l, o, 2).p[0])};
    snprintf(text, sizeof text, "{ .reg .pred p; .reg .b32 ra, rb; setp.lt.u32 p, $2, %u; @p mapa.shared::cluster.u32 ra, $0, $2; @p mapa.shared::cluster.u32 rb, $3, $2; "
             "@p st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.b32 [ra], $1, [rb]; }", l->fn->cluster);
    ll_asm(l, l->ty.v, text, "r,r,r,r,~{memory}", true, 4, args);
}

static void store_in_cluster(Ll *l, const LirOp *o)
{
    if (o->ref >= 0) {
        send(l, o);
        return;
    }
    LLVMValueRef args[] = {ll_shared_addr(l, ll_arg(l, o, 0).p[0]), LLVMBuildBitCast(l->b, ll_arg(l, o, 1).p[0], l->ty.i32, ""), ll_arg(l, o, 2).p[0],
                           ll_pred_word(l, ll_arg(l, o, 3).p[0])};
    ll_asm(l, l->ty.v, "{ .reg .pred p; .reg .b32 ra; setp.ne.b32 p, $3, 0; @p mapa.shared::cluster.u32 ra, $0, $2; @p st.shared::cluster.b32 [ra], $1; }",
           "r,r,r,r,~{memory}", true, 4, args);
}

static void sync_op(Ll *l, const LirOp *o)
{
    switch (o->op) {
    case LIR_STSC:     store_in_cluster(l, o); break;
    case LIR_CLBAR:    cluster_barrier(l, o); break;
    case LIR_INBOX:    open_inbox(l, o); break;
    case LIR_AWAIT:    await_inbox(l, o); break;
    case LIR_INBOXES:  open_inboxes(l, o); break;
    case LIR_ARM:      arm_inbox(l, o); break;
    case LIR_TAKE:     take_inbox(l, o); break;
    case LIR_SEND:     send_numbered(l, o); break;
    case LIR_MARK:     ll_nvptx_mark(l, o); break;
    case LIR_CPA:      copy_async(l, o); break;
    case LIR_CPCOMMIT: call0(l, "llvm.nvvm.cp.async.commit.group"); break;
    case LIR_CPWAIT:   call1(l, "llvm.nvvm.cp.async.wait.group", o->imm.i); clobber(l); break;
    case LIR_BAR:      call1(l, "llvm.nvvm.barrier.cta.sync.aligned.all", 0); break;
    case LIR_BARN:     named_barrier(l, o); break;
    case LIR_PAUSE:    pause_for(l, o); break;
    case LIR_BARW:     warp_barrier(l, o); break;
    case LIR_WARPSYNC: call1(l, "llvm.nvvm.bar.warp.sync", -1); break;
    case LIR_PREFETCH: prefetch(l, o); break;
    case LIR_ASK:      ask(l, o); break;
    case LIR_DISCARD:  discard(l, o); break;
    default:           dependent(l, o); break;
    }
}

char ll_nvptx_letter(const Ll *l, LLVMTypeRef t) { return t == l->ty.i32 ? 'r' : t == l->ty.f32 ? 'f' : t == l->ty.i64 ? 'l' : t == l->ty.f64 ? 'd' : 'h'; }

static void opaque(Ll *l, LlVal v)
{
    LLVMTypeRef t = LLVMTypeOf(v.p[0]);
    bool bytes = t == l->ty.i8;
    Buf text = {0}, cons = {0};
    if (t == l->ty.i1)
        return;
    for (unsigned i = 0; i < v.n && bytes; i++)
        v.p[i] = LLVMBuildZExt(l->b, v.p[i], l->ty.i16, "");
    for (unsigned i = 0; i < v.n; i++)
        buf_printf(&cons, "%s=%c", i ? "," : "", ll_nvptx_letter(l, t));
    for (unsigned i = 0; i < v.n; i++)
        buf_printf(&cons, ",%u", i);
    buf_puts(&text, "");
    ll_asm_many(l, bytes ? l->ty.i16 : t, v.n, v.p, &text, &cons, true, v.n, v.p);
    for (unsigned i = 0; i < v.n && bytes; i++)
        v.p[i] = LLVMBuildTrunc(l->b, v.p[i], t, "");
}

/* ---- 16-bit floats ---- */

static void widen_bf16(Ll *l, LLVMValueRef w, LLVMValueRef *e)
{
    e[0] = LLVMBuildBitCast(l->b, LLVMBuildShl(l->b, w, ll_i32(l, 16), ""), l->ty.f32, "");
    e[1] = LLVMBuildBitCast(l->b, LLVMBuildAnd(l->b, w, ll_i32(l, -65536), ""), l->ty.f32, "");
}

static LLVMValueRef widen_one(Ll *l, DType dt, LLVMValueRef v)
{
    if (dt == DT_F16)
        return LLVMBuildFPExt(l->b, LLVMBuildBitCast(l->b, v, l->ty.f16, ""), l->ty.f32, "");
    LLVMValueRef w = LLVMBuildShl(l->b, LLVMBuildZExt(l->b, v, l->ty.i32, ""), ll_i32(l, 16), "");
    return LLVMBuildBitCast(l->b, w, l->ty.f32, "");
}

static LlVal widen(Ll *l, LlVal v)
{
    LlVal r = ll_new(l, DT_F32, v.lanes);
    bool packed = ll_packed(l, v.dt, v.lanes);
    if (packed && (v.dt == DT_F16 || v.again)) {
        ll_nvptx_convert(l, DT_F32, v, r.p);
        return r;
    }
    for (unsigned i = 0; i < v.n; i++)
        if (packed)
            widen_bf16(l, v.p[i], r.p + 2 * i);
        else
            r.p[i] = widen_one(l, v.dt, v.p[i]);
    return r;
}

/* Sums and products of 16-bit floats are rounded as from f32, whose significand is more than twice as long (Figueroa, 1995). */
static LLVMValueRef pair(Ll *l, LirOpcode op, DType dt, LLVMValueRef a, LLVMValueRef b)
{
    LLVMTypeRef t = LLVMVectorType(dt == DT_BF16 ? l->ty.bf16 : l->ty.f16, 2);
    if (op != LIR_ADD && op != LIR_SUB && op != LIR_MUL)
        return NULL;
    a = LLVMBuildBitCast(l->b, a, t, "");
    b = LLVMBuildBitCast(l->b, b, t, "");
    LLVMValueRef r = op == LIR_ADD ? LLVMBuildFAdd(l->b, a, b, "") : op == LIR_SUB ? LLVMBuildFSub(l->b, a, b, "") : LLVMBuildFMul(l->b, a, b, "");
    return LLVMBuildBitCast(l->b, r, l->ty.i32, "");
}

static LLVMValueRef narrow_one(Ll *l, DType dt, LLVMValueRef e)
{
    LLVMValueRef v = dt == DT_BF16 ? ll_intr(l, "llvm.nvvm.f2bf16.rn", NULL, 1, &e) : LLVMBuildFPTrunc(l->b, e, l->ty.f16, "");
    return LLVMBuildBitCast(l->b, v, l->ty.i16, "");
}

static LlVal narrow(Ll *l, DType dt, LlVal v)
{
    LlVal r = ll_new(l, dt, v.lanes);
    if (ll_packed(l, dt, v.lanes)) {
        ll_nvptx_convert(l, dt, v, r.p);
        return r;
    }
    for (unsigned i = 0; i < r.n; i++)
        r.p[i] = narrow_one(l, dt, v.p[i]);
    return r;
}

const LlHooks ll_nvptx_hooks = {
    .parts = true, .begin = begin, .end = end, .leaf = leaf, .word_addr = word_addr, .load = ll_nvptx_load, .store = ll_nvptx_store,
    .sync = sync_op, .shuffle = shuffle, .opaque = opaque,
    .narrow = narrow, .widen = widen, .pair = pair, .fast = ll_nvptx_fast, .exact = ll_nvptx_exact,
    .chain = ll_nvptx_chain, .write = ll_nvptx_write, .settle = ll_nvptx_settle,
};
