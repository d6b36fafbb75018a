// SPDX-License-Identifier: Apache-2.0
// allocpool.h for C++17: a pool that ends with its scope, a std::pmr::memory_resource, spans in C++20.
// Its locks are allocpool.h's: what allocates and frees is exclusive.
#ifndef ALLOCPOOL_HPP
#define ALLOCPOOL_HPP

#include "allocpool.h"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory_resource>
#include <new>
#include <system_error>
#include <utility>
#if __cplusplus >= 202002L
#include <span>
#endif

namespace allocrun
{

// Owns a pool; rows that are in use end with it. An error of the library is a std::system_error.
class pool
{
	::allocpool *pool_ = nullptr;

	static void check(long result, const char *what)
	{
		if (result < 0)
			throw std::system_error(static_cast<int>(-result), std::generic_category(), what);
	}

      public:
	// CONFIG's size is set here.
	explicit pool(allocpool_config config)
	{
		config.size = sizeof config;
		check(allocpool_create(&config, &pool_), "allocpool_create");
	}
	pool(pool &&other) noexcept : pool_(std::exchange(other.pool_, nullptr))
	{
	}
	pool &operator=(pool &&other) noexcept
	{
		std::swap(pool_, other.pool_);
		return *this;
	}
	pool(const pool &) = delete;
	pool &operator=(const pool &) = delete;
	~pool()
	{
		allocpool_destroy(pool_, 1);
	}

	// For the functions of allocpool.h; still owned here.
	::allocpool *get() const noexcept
	{
		return pool_;
	}
	const allocpool_view &view() const noexcept
	{
		return *allocpool_get_view(pool_);
	}

	// Exclusive. std::bad_alloc: the pool is full, or the kernel has no memory.
	std::uint32_t alloc(std::uint64_t key, std::uint32_t now)
	{
		std::uint32_t row = 0;
		int error = allocpool_alloc(pool_, key, now, &row);
		if (error == -ENOSPC || error == -ENOMEM)
			throw std::bad_alloc();
		check(error, "allocpool_alloc");
		return row;
	}
	// Exclusive.
	void free(std::uint32_t row)
	{
		check(allocpool_free(pool_, row), "allocpool_free");
	}
	// Shared. nullptr for what is no row in use.
	void *at(std::uint32_t row) const noexcept
	{
		return allocpool_pointer(&view(), row);
	}
	// Shared. False for what is no row in use.
	bool touch(std::uint32_t row, std::uint32_t now) const noexcept
	{
		return allocpool_touch(&view(), row, now) == 0;
	}
#if __cplusplus >= 202002L
	// Shared. The row as values of T, whole ones; empty for what is no row in use, or not aligned for them.
	template <typename T> std::span<T> row(std::uint32_t index) const noexcept
	{
		T *values = view().stride % alignof(T) == 0 ? static_cast<T *>(at(index)) : nullptr;
		return { values, values ? view().stride / sizeof(T) : 0 };
	}
	// Shared. A field of all rows that the pool may have; empty where it has no such field. While others touch
	// rows, load the elements atomically.
	std::span<const std::uint64_t> keys() const noexcept
	{
		return field(view().keys);
	}
	std::span<std::uint32_t> stamps() const noexcept
	{
		return field(view().stamps);
	}
	std::span<std::uint32_t> counters() const noexcept
	{
		return field(view().counters);
	}

      private:
	template <typename T> std::span<T> field(T *values) const noexcept
	{
		return { values, values ? view().max_rows : 0 };
	}
#endif
};

// For containers whose nodes have one size: what fits into no row of POOL, which must outlive this, is
// std::bad_alloc. All calls are exclusive. A pointer that is no row in use ends the program, for do_deallocate may not
// throw.
class pool_resource : public std::pmr::memory_resource
{
	pool &pool_;

      public:
	explicit pool_resource(pool &from) noexcept : pool_(from)
	{
	}

      private:
	void *do_allocate(std::size_t bytes, std::size_t alignment) override
	{
		const allocpool_view &view = pool_.view();
		// Rows begin at multiples of the stride from an address that is a multiple of 2 MiB, no more.
		if (bytes > view.stride || alignment > (2u << 20) || view.stride % alignment != 0)
			throw std::bad_alloc();
		return pool_.at(pool_.alloc(0, 0));
	}
	void do_deallocate(void *pointer, std::size_t, std::size_t) override
	{
		if (allocpool_free_pointer(pool_.get(), pointer) != 0)
			std::terminate();
	}
	bool do_is_equal(const std::pmr::memory_resource &other) const noexcept override
	{
		return this == &other;
	}
};

} // namespace allocrun
#endif
