//! Tables for the terminal and pages with charts for the browser.

pub(crate) mod comparison;
pub(crate) mod page;
pub(crate) mod svg;
pub(crate) mod table;
