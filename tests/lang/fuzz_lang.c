/* fuzz_lang.c: the entry that a fuzzer calls: any bytes through lexer, parser, typing of every kernel and rendering; a
 * kernel that typing accepts and the verifier refuses is a trap.
 * With LGR_FUZZ a fuzzing engine calls it (cmake/fuzz.cmake); the plain run links test_lang_fuzz.c instead.
 */
#include "sema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void verify(const SemaOp *op, Arena *a)
{
    SemaBinding b = sema_binding_default(op);
    Diag d;
    diag_init(&d, a);
    for (uint32_t k = 0; k < op->nkernels; k++) {
        TirFn *fn = sema_kernel(op, k, &b, a, &d);
        if (fn && !tir_verify(fn, &d)) __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *a = arena_new();
    Diag d;
    Buf text = { 0 }, json = { 0 };
    diag_init(&d, a);
    AstSpec *ast = ast_parse(diag_add_file(&d, "input", (const char *)data, size), a, &d);
    SemaOp *op = sema_open(ast, a, &d);
    if (op && sema_check_all(op, &d)) verify(op, a);
    diag_render_text(&d, &text, false);
    diag_render_json(&d, &json);
    buf_free(&text);
    buf_free(&json);
    arena_free(a);
    return 0;
}
