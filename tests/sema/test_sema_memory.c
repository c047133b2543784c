/* test_sema_memory.c: the n-th allocation fails, for every n, while a spec with errors and one without are read, typed and
 * rendered: the arena's handler is reached or the work ends; nothing is lost (a sanitizer would tell).
 */
#include "sema.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef struct Fault { long left; long failed; } Fault;

static Fault fault = { -1, 0 };

static bool fails(void)
{
    if (fault.left < 0 || fault.left-- > 0) return false;
    fault.failed++;
    return true;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t k);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t k);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n) { return fails() ? NULL : __real_malloc(n); }
void *__wrap_calloc(size_t n, size_t k) { return fails() ? NULL : __real_calloc(n, k); }
void *__wrap_realloc(void *p, size_t n) { return fails() ? NULL : __real_realloc(p, n); }

static void work(Arena *a, const char *text, size_t n)
{
    Diag d;
    Buf b = { 0 };
    diag_init(&d, a);
    AstSpec *ast = ast_parse(diag_add_file(&d, "t", text, n), a, &d);
    SemaOp *op = sema_open(ast, a, &d);
    if (op) sema_check_all(op, &d);
    diag_render_text(&d, &b, false);
    diag_render_json(&d, &b);
    buf_free(&b);
}

/* True when an allocation was made to fail. */
static bool fail_at(long at, const char *text, size_t n, long *jumps)
{
    jmp_buf out;
    Arena *a = arena_new();
    assert_non_null(a);
    arena_on_oom(a, &out);
    fault = (Fault){ at, 0 };
    if (setjmp(out)) ++*jumps;
    else work(a, text, n);
    long failed = fault.failed;
    fault = (Fault){ -1, 0 };
    arena_free(a);
    return failed > 0;
}

static void each_allocation(const char *path)
{
    char *text = calloc(1, 1 << 16);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(text, 1, (1 << 16) - 1, f);
    fclose(f);
    long at = 0, jumps = 0;
    while (fail_at(at, text, n, &jumps)) at++;
    print_message("%s: %ld allocations, %ld reached the handler\n", path, at, jumps);
    assert_true(at >= 5);
    assert_true(jumps >= 2);
    free(text);
}

static void specs(void **state)
{
    (void)state;
    each_allocation(LGR_SOURCE_DIR "/specs/rms_norm.tile");
    each_allocation(LGR_SOURCE_DIR "/tests/lang/accept/whole.tile");
    each_allocation(LGR_SOURCE_DIR "/tests/lang/reject/types.tile");
    each_allocation(LGR_SOURCE_DIR "/tests/lang/reject/syntax.tile");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(specs) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
