/* The host device: what runs is the pack's own machine code (x86-64 here), on any number of threads; allocations failing one by
 * one; many threads and contexts at once; a fork. */
#include "toy_pack.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROWS = 200000, THREADS = 8 };

static char memory[8 << 20] __attribute__((aligned(256)));

static void check_rows(const int32_t *s, int64_t m)
{
    for (int64_t i = 0; i < m; i++)
        if (s[i] != i + 1)
            fail_msg("block %ld gave %d", (long)i, (int)s[i]);
}

static void any_number_of_threads(void **state)
{
    (void)state;
    static const uint32_t threads[] = {1, 2, 3, 7, 16};
    static const int64_t rows[] = {1, 2, 63, 1000, ROWS};
    Toy t = toy_pack();
    for (size_t i = 0; i < 5; i++) {
        lgr_config config = LGR_CONFIG_INIT;
        const lgr_kernel *k;
        ToyCall c;
        config.host_threads = threads[i];
        lgr_context *ctx = toy_context(&config, t, &k);
        for (size_t r = 0; r < 5; r++) {
            memset(memory, 0, sizeof memory);
            toy_call(&c, k, kDLCPU, memory, rows[r], 1);
            assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
            check_rows((int32_t *)(memory + TOY_S * 1048576), rows[r]);
            assert_int_equal(((int32_t *)(memory + TOY_S * 1048576))[rows[r]], 0);
        }
        lgr_context_destroy(ctx);
    }
    free(t.bytes);
}

typedef struct Job { lgr_context *ctx; const lgr_kernel *k; int bad; } Job;

static void *many_launches(void *arg)
{
    Job *j = arg;
    char *mine = aligned_alloc(256, 8 << 20);
    ToyCall c;
    memset(mine, 0, 8 << 20);
    for (int i = 0; i < 2000; i++) {
        int64_t m = 1 + i * 37 % 500;
        int32_t *s = (int32_t *)(mine + TOY_S * 1048576);
        toy_call(&c, j->k, kDLCPU, mine, m, 64);
        c.shape[TOY_W][0] = i % 10 ? 64 : 63;
        lgr_status want = i % 10 ? LGR_OK : LGR_ERROR_SHAPE;
        s[m - 1] = 0;
        j->bad += lgr_launch(j->ctx, &c.call) != want || (want == LGR_OK ? s[m - 1] != m : lgr_last_error()->status != want);
    }
    free(mine);
    return NULL;
}

static void threads_share_a_context(void **state)
{
    (void)state;
    Toy t = toy_pack();
    lgr_config config = LGR_CONFIG_INIT;
    pthread_t id[THREADS];
    Job job[THREADS];
    const lgr_kernel *k;
    config.host_threads = 3;
    lgr_context *ctx = toy_context(&config, t, &k);
    for (int i = 0; i < THREADS; i++) {
        job[i] = (Job){ctx, k, 0};
        assert_int_equal(pthread_create(&id[i], NULL, many_launches, &job[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(id[i], NULL);
        assert_int_equal(job[i].bad, 0);
    }
    lgr_context_destroy(ctx);
    free(t.bytes);
}

/* The n-th allocation fails, for every n: a named error, no leak, and the same again works. */
typedef struct Heap { int n, fail_at, live; } Heap;

static void *heap_alloc(void *user, size_t bytes)
{
    Heap *h = user;
    if (++h->n == h->fail_at)
        return NULL;
    h->live++;
    return aligned_alloc(16, (bytes + 15) / 16 * 16);
}

static void heap_release(void *user, void *p)
{
    ((Heap *)user)->live--;
    free(p);
}

static lgr_status whole_life(Heap *h, Toy t, DLDeviceType device, const void *driver)
{
    lgr_config config = LGR_CONFIG_INIT;
    lgr_context *ctx = NULL;
    const lgr_kernel *k;
    ToyCall c;
    config.alloc = heap_alloc, config.release = heap_release, config.user = h;
    config.driver = driver, config.host_threads = 2, config.cache_dir = "";
    lgr_status s = lgr_context_create(&config, &ctx);
    for (int i = 0; s == LGR_OK && i < 2; i++)
        s = lgr_pack_open_memory(ctx, t.bytes, t.size);
    if (s == LGR_OK)
        s = lgr_kernel_find(ctx, "toy", "scale", &k);
    if (s == LGR_OK) {
        toy_call(&c, k, device, memory, 33, 63);
        s = lgr_launch(ctx, &c.call);
        if (s == LGR_ERROR_MEMORY)
            assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    }
    lgr_context_destroy(ctx);
    assert_int_equal(h->live, 0);
    return s;
}

static void each_allocation_fails(void **state)
{
    (void)state;
    Toy t = toy_pack();
    for (int device = 0; device < 2; device++) {
        Heap h = {0};
        const void *driver = device ? fake_driver() : NULL;
        assert_int_equal(whole_life(&h, t, device ? kDLCUDA : kDLCPU, driver), LGR_OK);
        int all = h.n;
        assert_true(all >= 6);
        for (int at = 1; at <= all; at++) {
            h = (Heap){.fail_at = at};
            assert_int_equal(whole_life(&h, t, device ? kDLCUDA : kDLCPU, driver), LGR_ERROR_MEMORY);
        }
    }
    free(t.bytes);
}

/* The pool's threads are not there after a fork: the child computes alone. */
static void fork_works(void **state)
{
    (void)state;
    Toy t = toy_pack();
    lgr_config config = LGR_CONFIG_INIT;
    const lgr_kernel *k;
    ToyCall c;
    int status = -1;
    config.host_threads = 4;
    lgr_context *ctx = toy_context(&config, t, &k);
    toy_call(&c, k, kDLCPU, memory, ROWS, 1);
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    pid_t child = fork();
    if (!child) {
        alarm(10);
        memset(memory, 0, sizeof memory);
        int ok = lgr_launch(ctx, &c.call) == LGR_OK && ((int32_t *)(memory + TOY_S * 1048576))[ROWS - 1] == ROWS;
        lgr_context_destroy(ctx);
        _exit(ok ? 42 : 1);
    }
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    lgr_context_destroy(ctx);
    free(t.bytes);
}

static void no_driver(void **state)
{
    (void)state;
    Toy t = toy_pack();
    const lgr_kernel *k;
    ToyCall c;
    lgr_context *ctx = toy_context(NULL, t, &k);
    toy_call(&c, k, kDLCUDA, memory, 2, 8);
    lgr_status s = lgr_launch(ctx, &c.call);
    if (access("/proc/driver/nvidia", F_OK))
        assert_int_equal(s, LGR_ERROR_NO_DRIVER);
    else
        assert_int_not_equal(s, LGR_OK);         /* the toy's code is no code */
    toy_call(&c, k, kDLCPU, memory, 2, 8);
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    lgr_context_destroy(ctx);
    free(t.bytes);
}

int main(void)
{
#if defined(__x86_64__)
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_number_of_threads), cmocka_unit_test(threads_share_a_context), cmocka_unit_test(each_allocation_fails),
                                       cmocka_unit_test(fork_works), cmocka_unit_test(no_driver)};
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    return 77;
#endif
}
