/* cache.c: machine code that the driver made from PTX, kept on disk: content-addressed plain files, written whole and renamed.
 *
 * A file that is short, damaged, not ours or not readable is a miss.  The directory is made 0700 and must be owned by this user.
 */
#include "lgr_int.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Entry { char magic[8]; uint64_t size; uint64_t digest[2], key[2]; } Entry;

static int open_dir(lgr_context *ctx)
{
    char path[1024];
    struct stat st;
    const char *dir = ctx->config.cache_dir, *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (dir && !*dir)
        return -1;
    if (dir)
        snprintf(path, sizeof path, "%s", dir);
    else if (xdg && *xdg)
        snprintf(path, sizeof path, "%s/liger", xdg);
    else if (home && *home)
        snprintf(path, sizeof path, "%s/.cache/liger", home);
    else
        return -1;
    mkdir(path, 0700);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, &st) || st.st_uid != geteuid() || st.st_mode & 077)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static XXH128_hash_t key_of(const void *ptx, size_t n, int sm) { return XXH3_128bits_withSeed(ptx, n, (XXH64_hash_t)sm); }

static void name_of(XXH128_hash_t k, char *name) { sprintf(name, "%016llx%016llx", (unsigned long long)k.high64, (unsigned long long)k.low64); }

static bool read_all(int fd, void *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t got = read(fd, (char *)p + at, n - at);
        if (got <= 0)
            return false;
        at += (size_t)got;
    }
    return true;
}

static bool write_all(int fd, const void *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t put = write(fd, (const char *)p + at, n - at);
        if (put <= 0)
            return false;
        at += (size_t)put;
    }
    return true;
}

bool lgr__cache_get(lgr_context *ctx, const void *ptx, size_t n, int sm, void **code, size_t *size)
{
    XXH128_hash_t k = key_of(ptx, n, sm);
    char name[40];
    Entry e;
    bool ok = false;
    int dir = open_dir(ctx);
    name_of(k, name);
    int fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && read_all(fd, &e, sizeof e) && !memcmp(e.magic, "LGRCODE1", 8) && e.key[0] == k.low64 && e.key[1] == k.high64 && e.size < 1u << 28) {
        *code = lgr__alloc(ctx, e.size + 1);
        XXH128_hash_t d = {0, 0};
        if (*code && read_all(fd, *code, e.size))
            d = XXH3_128bits(*code, e.size);
        ok = *code && d.low64 == e.digest[0] && d.high64 == e.digest[1];
        *size = e.size;
        if (!ok)
            lgr__release(ctx, *code);
    }
    if (fd >= 0)
        close(fd);
    if (dir >= 0)
        close(dir);
    return ok;
}

/* Removes the oldest entries until the rest and `more` bytes fit the limit. */
static void make_room(lgr_context *ctx, int dir, uint64_t more)
{
    uint64_t limit = ctx->config.cache_limit ? ctx->config.cache_limit : 256ull << 20;
    for (int round = 0; round < 1000; round++) {
        uint64_t total = more;
        char oldest[64] = "";
        time_t when = 0;
        int copy = dup(dir);
        DIR *d = copy < 0 ? NULL : fdopendir(copy);
        if (!d)
            return;
        rewinddir(d);
        for (struct dirent *e; (e = readdir(d));) {
            struct stat st;
            if (strlen(e->d_name) != 32 || fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
                continue;
            total += (uint64_t)st.st_size;
            if (!oldest[0] || st.st_mtime < when) {
                when = st.st_mtime;
                memcpy(oldest, e->d_name, 33);
            }
        }
        closedir(d);
        if (total <= limit || !oldest[0])
            return;
        unlinkat(dir, oldest, 0);
    }
}

void lgr__cache_put(lgr_context *ctx, const void *ptx, size_t n, int sm, const void *code, size_t size)
{
    XXH128_hash_t k = key_of(ptx, n, sm), d = XXH3_128bits(code, size);
    Entry e = {"", size, {d.low64, d.high64}, {k.low64, k.high64}};
    char name[40], temp[64];
    int dir = open_dir(ctx);
    if (dir < 0)
        return;
    memcpy(e.magic, "LGRCODE1", 8);
    name_of(k, name);
    snprintf(temp, sizeof temp, "%s.%ld", name, (long)getpid());
    make_room(ctx, dir, size + sizeof e);
    int fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0) {
        bool ok = write_all(fd, &e, sizeof e) && write_all(fd, code, size);
        ok = !close(fd) && ok;
        if (!ok || renameat(dir, temp, dir, name))
            unlinkat(dir, temp, 0);
    }
    close(dir);
}
