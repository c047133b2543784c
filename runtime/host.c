/* host.c: the processor as a device: code mapped executable, blocks spread over a pool of threads.
 *
 * A launch is complete on return.  Blocks are handed out in chunks by one counter, so that the result does not depend on
 * the number of threads (blocks share nothing).  One launch at a time uses the pool; another thread's launch meanwhile runs alone.
 */
#include "lgr_int.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_THREADS = 256 };

typedef struct HostPool {
    pthread_mutex_t lock, busy;
    pthread_cond_t work, done;
    pthread_t thread[MAX_THREADS];
    uint32_t nthreads, running;
    uint64_t turn;
    bool stop;
    pid_t pid;                       /* threads do not survive a fork */
    lgr__host_fn fn;
    const uint64_t *words;
    uint32_t blocks, chunk;
    _Atomic uint32_t next;
} HostPool;

static void take_blocks(HostPool *p)
{
    for (;;) {
        uint32_t begin = atomic_fetch_add(&p->next, p->chunk);
        if (begin >= p->blocks)
            return;
        uint32_t end = p->blocks - begin < p->chunk ? p->blocks : begin + p->chunk;
        p->fn(p->words, begin, end, p->blocks);
    }
}

static void *worker(void *arg)
{
    HostPool *p = arg;
    uint64_t seen = 0;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (p->turn == seen && !p->stop)
            pthread_cond_wait(&p->work, &p->lock);
        if (p->stop)
            break;
        seen = p->turn;
        pthread_mutex_unlock(&p->lock);
        take_blocks(p);
        pthread_mutex_lock(&p->lock);
        if (--p->running == 0)
            pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void start(lgr_context *ctx)
{
    HostPool *p = lgr__alloc(ctx, sizeof *p);
    long n = ctx->config.host_threads ? (long)ctx->config.host_threads : sysconf(_SC_NPROCESSORS_ONLN);
    if (!p)
        return;
    p->pid = getpid();
    pthread_mutex_init(&p->lock, NULL);
    pthread_mutex_init(&p->busy, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->done, NULL);
    n = n > MAX_THREADS ? MAX_THREADS : n;
    while ((long)p->nthreads + 1 < n && !pthread_create(&p->thread[p->nthreads], NULL, worker, p))
        p->nthreads++;
    __atomic_store_n(&ctx->pool, p, __ATOMIC_RELEASE);
}

static HostPool *pool_of(lgr_context *ctx)
{
    HostPool *p = __atomic_load_n(&ctx->pool, __ATOMIC_ACQUIRE);
    if (p)
        return p;
    pthread_mutex_lock(&ctx->lock);
    if (!ctx->pool)
        start(ctx);
    pthread_mutex_unlock(&ctx->lock);
    return ctx->pool;
}

static void run_on_pool(HostPool *p, lgr__host_fn fn, const uint64_t *words, uint32_t blocks)
{
    uint32_t parts = (p->nthreads + 1) * 8;
    pthread_mutex_lock(&p->lock);
    p->fn = fn;
    p->words = words;
    p->blocks = blocks;
    p->chunk = blocks / parts ? blocks / parts : 1;
    atomic_store(&p->next, 0);
    p->running = p->nthreads;
    p->turn++;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    take_blocks(p);
    pthread_mutex_lock(&p->lock);
    while (p->running)
        pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

lgr_status lgr__host_run(lgr_context *ctx, lgr__host_fn fn, const uint64_t *words, uint32_t blocks, bool small)
{
    HostPool *p = blocks > 1 && !small ? pool_of(ctx) : NULL;
    if (!p || !p->nthreads || p->pid != getpid() || pthread_mutex_trylock(&p->busy)) {
        fn(words, 0, blocks, blocks);
        return LGR_OK;
    }
    run_on_pool(p, fn, words, blocks);
    pthread_mutex_unlock(&p->busy);
    return LGR_OK;
}

static void stop_threads(HostPool *p)
{
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (uint32_t i = 0; i < p->nthreads; i++)
        pthread_join(p->thread[i], NULL);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->done);
    pthread_mutex_destroy(&p->lock);
    pthread_mutex_destroy(&p->busy);
}

void lgr__host_close(lgr_context *ctx)
{
    HostPool *p = ctx->pool;
    if (!p)
        return;
    if (p->pid == getpid())
        stop_threads(p);
    lgr__release(ctx, p);
    ctx->pool = NULL;
}

lgr_status lgr__host_load(lgr_context *ctx, const Pack *p, const LgkCode *c, void **module)
{
    (void)ctx;
    void *m = mmap(NULL, c->size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m == MAP_FAILED)
        return lgr__fail(LGR_ERROR_MEMORY, NULL, "code", "no memory to map", "%s", "");
    memcpy(m, p->base + c->offset, c->size);
    if (mprotect(m, c->size + 1, PROT_READ | PROT_EXEC)) {
        munmap(m, c->size + 1);
        return lgr__fail(LGR_ERROR_MEMORY, NULL, "code", "memory may not be made executable", "%s", "");
    }
    *module = m;
    return LGR_OK;
}

void lgr__host_unload(const LgkCode *c, void *module) { munmap(module, c->size + 1); }
