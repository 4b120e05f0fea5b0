//! What can be sent twice.

/// A request that can be sent again: one that is `Clone`.
///
/// `http::Request<B>` is if its body is, and `Full<Bytes>` costs next to nothing to clone. The body of a server's request
/// or of a stream is not: `BufferLayer` of `buttress-provider`, outside the retries, makes a `Full<Bytes>` of any body.
///
/// ```compile_fail
/// # struct Incoming;
/// fn send_again(request: impl buttress_retry::Replay) {}
/// send_again(http::Request::new(Incoming)); // "cannot be sent again: its body is not `Clone`"
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent again: it, or its body, is not `Clone`",
    label = "cannot be retried",
    note = "put `BufferLayer` of `buttress-provider` outside the retries: it collects any body into a `Full<Bytes>`",
    note = "for a typed request, derive `Clone`"
)]
pub trait Replay: Clone {}

#[diagnostic::do_not_recommend]
impl<Req: Clone> Replay for Req {}
