/* test_sema.c: facts read off a spec, bindings, checks as data, and the shape of the tile IR that kernels become. */
#include "sema.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef struct Unit { Arena *a; Diag d; SemaOp *op; char *text; } Unit;

static Unit open_text(const char *text)
{
    Unit u = { .a = arena_new() };
    diag_init(&u.d, u.a);
    AstSpec *ast = ast_parse(diag_add_file(&u.d, "t", text, strlen(text)), u.a, &u.d);
    u.op = sema_open(ast, u.a, &u.d);
    Buf b = { 0 };
    diag_render_text(&u.d, &b, false);
    if (u.d.n) print_message("%s", b.p);
    buf_free(&b);
    assert_int_equal(u.d.n, 0);
    assert_non_null(u.op);
    return u;
}

static Unit open_spec(const char *name)
{
    char path[4096], *text = calloc(1, 1 << 16);
    snprintf(path, sizeof path, "%s/specs/%s", LGR_SOURCE_DIR, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_true(fread(text, 1, (1 << 16) - 1, f) > 0);
    fclose(f);
    Unit u = open_text(text);
    u.text = text;
    return u;
}

static void done(Unit *u)
{
    arena_free(u->a);
    free(u->text);
}

static int count_bindings(const SemaOp *op, const char *kernel)
{
    uint32_t k = (uint32_t)sema_find_kernel(op, kernel);
    SemaBinding b = sema_binding_first(op, k);
    int n = 0;
    do n++; while (sema_binding_next(op, k, &b));
    return n;
}

static int count_ops(const TirFn *fn, TirOpcode op)
{
    int n = 0;
    for (uint32_t i = 0; i < fn->nops; i++) n += fn->ops[i].op == op;
    return n;
}

static TirFn *build(Unit *u, const char *kernel, const char *const *set, int n)
{
    SemaBinding b = sema_binding_default(u->op);
    for (int i = 0; i < n; i++) assert_true(sema_binding_set(u->op, &b, set[i], &u->d));
    TirFn *fn = sema_kernel(u->op, (uint32_t)sema_find_kernel(u->op, kernel), &b, u->a, &u->d);
    assert_non_null(fn);
    return fn;
}

static void facts_of_rms_norm(void **state)
{
    Unit u = open_spec("rms_norm.tile");
    const SemaOp *op = u.op;
    (void)state;
    assert_string_equal(op->name, "rms_norm");
    assert_int_equal(op->ndims, 2);
    assert_int_equal(op->ntypes, 2);
    assert_int_equal(op->types[1].n, 3);
    assert_int_equal(op->noptions, 2);
    assert_int_equal(op->options[0].defval, 1);
    assert_string_equal(op->options[1].choice[op->options[1].defval], "llama");
    const SemaKernel *f = &op->kernels[sema_find_kernel(op, "forward")], *b = &op->kernels[sema_find_kernel(op, "backward")];
    assert_int_equal(f->ntensors, 4);
    assert_int_equal(f->nparams, 2);
    assert_string_equal(f->params[0].name, "eps");
    assert_true(f->params[0].defval == (double)1e-6f);
    assert_string_equal(f->tensors[1].cond_text, "affine");
    assert_int_equal(f->tensors[3].dt, DT_F32);
    assert_int_equal(f->tensors[3].type, -1);
    assert_string_equal(b->tensors[4].name, "dx");
    assert_int_equal(b->tensors[4].over, 1);
    assert_int_equal(b->nparams, 1);                      /* eps is not named in backward */
    done(&u);
}

static void bindings_are_normal(void **state)
{
    Unit u = open_spec("rms_norm.tile");
    (void)state;
    assert_int_equal(count_bindings(u.op, "forward"), 3 * 3 * 3 + 3 * 3);     /* without a weight its type stays */
    SemaBinding b = sema_binding_default(u.op);
    assert_true(sema_binding_set(u.op, &b, "W=bf16", &u.d));
    assert_true(sema_binding_set(u.op, &b, "affine=false", &u.d));
    b = sema_binding_normal(u.op, 0, b);
    assert_string_equal(sema_binding_text(u.op, 0, &b, u.a), "T=f32 W=f32 affine=false casting=llama");
    assert_false(sema_binding_set(u.op, &b, "casting=lama", &u.d));
    assert_string_equal(u.d.items[0].msg, "no value of casting is called lama; did you mean llama?");
    assert_false(sema_binding_set(u.op, &b, "afine=true", &u.d));
    assert_string_equal(u.d.items[1].msg, "no type or option is called afine; did you mean affine?");
    done(&u);
}

static int count_wanted(const Unit *u, const SemaWanted *w)
{
    SemaBinding b = sema_binding_first(u->op, 0);
    int n = 0;
    do n += sema_wanted_has(u->op, 0, w, &b, 0); while (sema_binding_next(u->op, 0, &b));
    return n;
}

static void several_values_are_all_wanted(void **state)
{
    Unit u = open_spec("rms_norm.tile");
    SemaWanted w = {0};
    (void)state;
    assert_int_equal(count_wanted(&u, &w), 3 * 3 * 3 + 3 * 3);
    assert_true(sema_wanted_add(u.op, &w, "T=f32", &u.d));
    assert_true(sema_wanted_add(u.op, &w, "T=bf16", &u.d));
    assert_true(sema_wanted_add(u.op, &w, "W=f16", &u.d));
    assert_int_equal(count_wanted(&u, &w), 2 * 3 + 2 * 3);        /* without a weight its type rules nothing out */
    assert_true(sema_wanted_add(u.op, &w, "affine", &u.d));
    assert_true(sema_wanted_add(u.op, &w, "casting=none", &u.d));
    assert_true(sema_wanted_add(u.op, &w, "casting=none", &u.d));
    assert_int_equal(count_wanted(&u, &w), 2);
    assert_int_equal(w.open, 0);
    assert_true(sema_wanted_add(u.op, &w, "casting=*", &u.d));
    assert_int_equal(w.open, 2);
    assert_false(sema_wanted_add(u.op, &w, "T=f12", &u.d));
    done(&u);
}

/* An open option is a scalar behind the kernel's params, and its tests are comparisons with that. */
static void options_left_open(void **state)
{
    Unit u = open_spec("rms_norm.tile");
    static const char *const set[] = {"casting=*"};
    (void)state;
    SemaBinding b = sema_binding_default(u.op);
    assert_int_equal(sema_openable(u.op, 0, u.a), 2);             /* casting */
    assert_true(sema_binding_set(u.op, &b, set[0], &u.d));
    assert_string_equal(sema_binding_text(u.op, 0, &b, u.a), "T=f32 W=f32 affine=true casting=*");
    TirFn *fn = build(&u, "forward", set, 1), *closed = build(&u, "forward", NULL, 0);
    assert_int_equal(fn->nscalars, closed->nscalars + 1);
    assert_string_equal(fn->scalars[2].name, "casting");
    assert_true(count_ops(fn, TIR_IF) == 2 && count_ops(fn, TIR_ELSE) == 2 && count_ops(closed, TIR_IF) == 0);
    int n = 0;
    sema_binding_close(u.op, 2, &b, true);
    do n++; while (sema_binding_close(u.op, 2, &b, false));
    assert_int_equal(n, 3);
    assert_false(sema_binding_set(u.op, &b, "affine=*", &u.d));
    assert_string_equal(u.d.items[0].msg, "affine decides which tensors forward has: it cannot be left to run time");
    done(&u);
    u = open_spec("cross_entropy.tile");
    SemaBinding open = sema_binding_open(u.op, 0, sema_binding_default(u.op), sema_openable(u.op, 0, u.a));
    assert_non_null(strstr(sema_binding_text(u.op, 0, &open, u.a), "gradient=true weighted=false smoothed=* capped=* scaled=* divided=false"));
    done(&u);
}

static void checks_are_data(void **state)
{
    Unit u = open_spec("rms_norm.tile");
    const SemaCheck *c = &u.op->checks[0], *c2 = &u.op->checks[1];
    static const struct { const char *back, *fwd; SemaPairKind kind; } want[] = {
        { "dy", "y", SEMA_PAIR_UPSTREAM }, { "x", "x", SEMA_PAIR_SAME }, { "w", "w", SEMA_PAIR_SAME },
        { "rstd", "rstd", SEMA_PAIR_SAME }, { "dx", "x", SEMA_PAIR_GRADIENT }, { "dw", "w", SEMA_PAIR_GRADIENT },
    };
    (void)state;
    assert_int_equal(u.op->nchecks, 2);
    assert_int_equal(c->dim[0].n, 4);
    assert_true(c->dim[1].v[4] == 4096);
    assert_int_equal(c->type[0], 7);
    assert_int_equal(c->option[1], 7);
    assert_int_equal(c2->option[1], 1);
    assert_int_equal(c->nfixes, 2);
    assert_true(c->fixes[1].values.n == 2 && c->fixes[1].values.v[1] == 1);
    assert_int_equal(c->inputs, 1u << SEMA_INPUT_NORMAL | 1u << SEMA_INPUT_LARGE | 1u << SEMA_INPUT_NAN | 1u << SEMA_INPUT_INF);
    const SemaDeriv *g = &c->derivs[0];
    const SemaKernel *f = &u.op->kernels[g->forward], *b = &u.op->kernels[g->backward];
    assert_int_equal(g->npairs, 6);
    for (int i = 0; i < 6; i++) {
        assert_string_equal(b->tensors[g->pairs[i].backward].name, want[i].back);
        assert_string_equal(f->tensors[g->pairs[i].forward].name, want[i].fwd);
        assert_int_equal(g->pairs[i].kind, want[i].kind);
    }
    done(&u);
}

static void dead_branches_are_gone(void **state)
{
    static const char *const plain[] = { "affine=false", "T=bf16", "casting=gemma" }, *const llama[] = { "T=bf16" };
    Unit u = open_spec("rms_norm.tile");
    TirFn *fn = build(&u, "forward", plain, 3);
    (void)state;
    assert_true(fn->tensors[1].absent);
    assert_int_equal(count_ops(fn, TIR_LOAD), 1);
    assert_int_equal(count_ops(fn, TIR_STORE), 2);
    assert_int_equal(count_ops(fn, TIR_SUM), 1);
    assert_int_equal(count_ops(fn, TIR_CAST), 3);         /* x to f32, N to f32, y to bf16 */
    assert_string_equal(fn->binding, "T=bf16 W=f32 affine=false casting=gemma");
    fn = build(&u, "forward", llama, 1);
    assert_int_equal(count_ops(fn, TIR_LOAD), 2);
    assert_int_equal(count_ops(fn, TIR_CAST), 5);         /* and x*r to bf16 and back; the weight is f32 here */
    fn = build(&u, "backward", llama, 1);
    assert_int_equal(count_ops(fn, TIR_ACC), 1);
    assert_true(fn->tensors[5].accumulate);
    assert_int_equal(fn->tensors[4].over, 1);
    assert_int_equal(fn->nscalars, 1);
    done(&u);
}

static void swiglu_halves_share_an_axis(void **state)
{
    static const char *const packed[] = { "packed=true", "T=f16" };
    Unit u = open_spec("swiglu.tile");
    TirFn *fn = build(&u, "backward", packed, 2);
    (void)state;
    assert_int_equal(fn->naxes, 1);
    assert_true(fn->tensors[1].absent && fn->tensors[4].absent && !fn->tensors[6].absent);
    assert_int_equal(fn->tensors[6].over, 4);
    assert_int_equal(count_bindings(u.op, "forward"), 6);
    done(&u);
}

static void loops_unroll_and_literals_round(void **state)
{
    Unit u = open_text("op a\ndim M, N\nkernel f(in x: bf16[M, N], out y: bf16[M], out z: i64[M]) { par m in M {\n"
                       "var s = x[m, :] * 0.1\nfor i in 0..3 { for j in i..3 { s += 1 } }\n"
                       "y[m] = max(s)\nz[m] = i64(3.9) + m * 2 + N / 2 } }");
    TirFn *fn = build(&u, "f", NULL, 0);
    int tenths = 0;
    (void)state;
    assert_int_equal(count_ops(fn, TIR_ADD), 6 + 2);
    for (uint32_t i = 0; i < fn->nops; i++) tenths += fn->ops[i].op == TIR_CONST && fn->ops[i].imm.f == 0.10009765625;
    assert_int_equal(tenths, 1);
    assert_int_equal(count_ops(fn, TIR_EXTENT), 1);
    done(&u);
}

static void regions_nest(void **state)
{
    static const uint8_t want[] = { TIR_PAR, TIR_IF, TIR_ELSE, TIR_IF, TIR_END, TIR_END, TIR_END, TIR_PAR, TIR_END };
    Unit u = open_text("op a\ndim M\nkernel f(in t: i64[M], out y: f32[M], out s: f32[]) {\n"
                       "par m in M { if t[m] < 0 { y[m] = 0 } else if t[m] == 1 { y[m] = 1 } }\npar m in M { s[] += f32(t[m]) } }");
    TirFn *fn = build(&u, "f", NULL, 0);
    uint32_t k = 0;
    (void)state;
    for (uint32_t i = 0; i < fn->nops; i++)
        if (tir_op_kind(fn->ops[i].op) == TIR_K_REGION) {
            assert_true(k < sizeof want);
            assert_int_equal(fn->ops[i].op, want[k++]);
        }
    assert_int_equal(k, sizeof want);
    assert_int_equal(fn->npars, 2);
    done(&u);
}

static void equal_values_are_one(void **state)
{
    static const char *const none[] = { "casting=none" };
    Unit u = open_spec("rms_norm.tile"), v = open_text("op a\ndim M\nkernel f(in t: f32[M], inout z: f32[M], out y: f32[M]) { par m in M {\n"
        "let unused = sin(t[m])\nif t[m] < 0 { y[m] = exp(t[m]) + exp(t[m]) } else { y[m] = exp(t[m]) * 2 }\n"
        "let a = z[m] + z[m]\nz[m] = a } }");
    TirFn *fn = build(&u, "forward", none, 1);
    (void)state;
    assert_int_equal(count_ops(fn, TIR_LOAD), 2);
    fn = build(&v, "f", NULL, 0);
    assert_int_equal(count_ops(fn, TIR_EXP), 2);          /* one in each arm */
    assert_int_equal(count_ops(fn, TIR_SIN), 0);
    assert_int_equal(count_ops(fn, TIR_LOAD), 3);         /* t once; inout z as written */
    assert_int_equal(count_ops(fn, TIR_STORE), 3);
    assert_true(tir_verify(fn, &v.d));
    done(&u);
    done(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_of_rms_norm), cmocka_unit_test(bindings_are_normal), cmocka_unit_test(several_values_are_all_wanted), cmocka_unit_test(options_left_open), cmocka_unit_test(checks_are_data),
        cmocka_unit_test(dead_branches_are_gone), cmocka_unit_test(swiglu_halves_share_an_axis),
        cmocka_unit_test(loops_unroll_and_literals_round), cmocka_unit_test(regions_nest),
        cmocka_unit_test(equal_values_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
