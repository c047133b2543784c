/* The cache of code that the driver assembled: a hit saves the assembly; a damaged, foreign or linked entry is a miss that is
 * made again; the limit holds; several writers do not harm one another.
 * usage: test_runtime_cache [KILLS]: how many writers are killed, 80 by default */
#include "toy_pack.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char memory[8 << 20] __attribute__((aligned(256)));
static int kills = 80;

/* Prepares the sm_80 PTX once in a fresh context; how often the driver assembled. */
static int prepare(const char *dir, uint64_t limit)
{
    lgr_config config = LGR_CONFIG_INIT;
    const lgr_kernel *k;
    ToyCall c;
    Toy t = toy_pack();
    char gone[64];
    snprintf(gone, sizeof gone, "%s", dir);
    config.driver = fake_driver();
    config.cache_dir = gone, config.cache_limit = limit;
    fake.sm = 86;
    lgr_context *ctx = toy_context(&config, t, &k);
    memset(gone, '?', sizeof gone);             /* the context has its own */
    toy_call(&c, k, kDLCUDA, memory, 4, 8);
    assert_int_equal(lgr_prepare(ctx, &c.call), LGR_OK);
    int n = fake.assembled;
    lgr_context_destroy(ctx);
    free(t.bytes);
    return n;
}

static int entries(const char *dir, char *path)
{
    int n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.') {
            n++;
            sprintf(path, "%s/%.64s", dir, e->d_name);
        }
    if (d)
        closedir(d);
    return n;
}

static void remove_dir(const char *dir)
{
    char path[512];
    while (entries(dir, path))
        unlink(path);
    rmdir(dir);
}

static void hits_and_damage(void **state)
{
    (void)state;
    char base[] = "/tmp/lgr_cache_XXXXXX", dir[64], path[512];
    assert_non_null(mkdtemp(base));
    sprintf(dir, "%s/a/b", base);
    assert_int_equal(prepare(dir, 0), 1);
    assert_int_equal(entries(dir, path), 1);
    assert_int_equal(prepare(dir, 0), 0);
    uint8_t entry[256];
    int fd = open(path, O_RDWR);
    ssize_t n = read(fd, entry, sizeof entry);
    assert_true(n > 48 && n < 256);
    for (int bit = 0; bit < n * 8; bit++) {
        entry[bit / 8] ^= (uint8_t)(1 << bit % 8);
        fd = open(path, O_RDWR | O_TRUNC);
        assert_int_equal(write(fd, entry, (size_t)n), n);
        close(fd);
        if (prepare(dir, 0) != 1 || prepare(dir, 0) != 0)
            fail_msg("bit %d was not noticed, or its entry not made again", bit);
        entry[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (ssize_t size = 0; size < n; size++) {
        assert_int_equal(truncate(path, size), 0);
        assert_int_equal(prepare(dir, 0), 1);
    }
    unlink(path);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(prepare(dir, 0), 1);
    struct stat st;
    assert_true(!lstat(path, &st) && S_ISREG(st.st_mode));       /* the rename put an entry over the link */
    remove_dir(dir);
    sprintf(dir, "%s/a", base);
    rmdir(dir);
    rmdir(base);
}

static void not_ours(void **state)
{
    (void)state;
    char dir[] = "/tmp/lgr_cache_XXXXXX", path[512], link[64];
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chmod(dir, 0755), 0);
    assert_int_equal(prepare(dir, 0), 1);                        /* others can look in: not used */
    assert_int_equal(entries(dir, path), 0);
    assert_int_equal(chmod(dir, 0700), 0);
    sprintf(link, "%s.link", dir);
    assert_int_equal(symlink(dir, link), 0);
    assert_int_equal(prepare(link, 0), 1);
    assert_int_equal(entries(dir, path), 0);
    unlink(link);
    assert_int_equal(prepare("", 0), 1);
    assert_int_equal(prepare(dir, 8), 1);                        /* an entry alone is over the limit */
    assert_int_equal(entries(dir, path), 0);
    remove_dir(dir);
}

static void limit(void **state)
{
    (void)state;
    char dir[] = "/tmp/lgr_cache_XXXXXX", path[512];
    assert_non_null(mkdtemp(dir));
    for (int i = 0; i < 20; i++) {                               /* 20 old entries of 100 bytes */
        struct timespec old[2] = {{1000 + i, 0}, {1000 + i, 0}};
        sprintf(path, "%s/%032x", dir, i);
        int fd = open(path, O_CREAT | O_WRONLY, 0600);
        assert_int_equal(ftruncate(fd, 100), 0);
        futimens(fd, old);
        close(fd);
    }
    struct timespec old[2] = {{1000, 0}, {1000, 0}};
    sprintf(path, "%s/%032x.999.abc", dir, 7);                   /* what a killed writer left */
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    futimens(fd, old);
    close(fd);
    assert_int_equal(prepare(dir, 1000), 1);
    assert_int_equal(access(path, F_OK), -1);
    sprintf(path, "%s/%032x", dir, 19);
    assert_int_equal(access(path, F_OK), 0);                     /* the youngest stayed */
    int n = entries(dir, path);
    assert_true(n >= 9 && n <= 10);
    assert_int_equal(prepare(dir, 1000), 0);
    remove_dir(dir);
}

/* Eight processes write the same entry, and are killed at any time: never a wrong load. */
static void writers(void **state)
{
    (void)state;
    char dir[] = "/tmp/lgr_cache_XXXXXX", path[512];
    assert_non_null(mkdtemp(dir));
    for (int round = 0; round < kills / 8; round++) {
        pid_t child[8];
        for (int i = 0; i < 8; i++)
            if (!(child[i] = fork()))
                for (;;) {
                    prepare(dir, 0);
                    if (entries(dir, path))
                        unlink(path);
                }
        usleep(2000 + 997 * round % 6000);
        for (int i = 0; i < 8; i++) {
            kill(child[i], SIGKILL);
            waitpid(child[i], NULL, 0);
        }
        prepare(dir, 0);
        assert_int_equal(prepare(dir, 0), 0);
    }
    remove_dir(dir);
}

/* How often the driver was asked for the clock of its memory, which feeds `blocks` blocks. */
static int clocks(const char *dir, size_t blocks)
{
    lgr_config config = LGR_CONFIG_INIT;
    const lgr_kernel *k;
    ToyCall c;
    size_t bytes;
    Toy t = toy_pack();
    config.driver = fake_driver(), config.cache_dir = dir;
    fake.memory_khz = 2000000, fake.memory_bits = 1000;
    lgr_context *ctx = toy_context(&config, t, &k);
    toy_call(&c, k, kDLCUDA, memory, 33, 64);
    assert_int_equal(lgr_workspace_size(ctx, &c.call, &bytes), LGR_OK);
    assert_int_equal(bytes, blocks * 64 * 4);
    int n = fake.clocks;
    lgr_context_destroy(ctx);
    free(t.bytes);
    return n;
}

static void clock_kept(void **state)
{
    (void)state;
    char dir[] = "/tmp/lgr_cache_XXXXXX", path[512];
    assert_non_null(mkdtemp(dir));
    assert_int_equal(clocks(dir, 3), 1);
    assert_int_equal(entries(dir, path), 1);
    assert_int_equal(clocks(dir, 3), 0);
    assert_int_equal(truncate(path, 20), 0);
    assert_int_equal(clocks(dir, 3), 1);
    assert_int_equal(clocks(dir, 3), 0);
    remove_dir(dir);
}

int main(int argc, char **argv)
{
    kills = argc > 1 ? atoi(argv[1]) : kills;
    const struct CMUnitTest tests[] = {cmocka_unit_test(hits_and_damage), cmocka_unit_test(not_ours), cmocka_unit_test(limit), cmocka_unit_test(clock_kept), cmocka_unit_test(writers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
