"""Expressions that must mean the same in torch and in tapegraph.torch, by group; A, B, C ... are arrays of test_ops."""

CASES = {
    "one operand": """
        A.abs(); A.neg(); P.sqrt(); P.rsqrt(); A.square(); P.reciprocal(); A.exp(); torch.exp2(A); A.expm1(); P.log();
        P.log2(); P.log10(); P.log1p(); A.sin(); A.cos(); A.tan(); U.asin(); U.acos(); A.atan(); A.sinh(); A.cosh();
        A.tanh(); A.asinh(); U.atanh(); A.sigmoid(); A.relu(); A.erf(); A.erfc(); A.floor(); A.ceil(); A.round();
        torch.round(A,decimals=2); A.trunc(); A.frac(); A.isnan(); A.sign(); torch.logit(U); A.sinc(); A.deg2rad();
        A.nan_to_num(); ~M; ~I; A.clone(); A.softmax(-1); A.softmax(dim=0); A.log_softmax(1); torch.positive(A);
        I.float(); A.long(); A.int(); A.bool(); A.double(); A.half(); A.type(torch.float64); A.to(torch.int32);
        torch.erfinv(U); torch.lgamma(P); torch.digamma(P)
    """,
    "two operands": """
        A+A; A+1; 1-A; A*2.5; A/P; 2/P; A//P; A%P; A**2; P**0.5; 2**A; I+1.5; I/2; I//2; -A; A.add(A,alpha=2);
        A.sub(P,alpha=3); torch.rsub(A,2); A.div(P,rounding_mode='floor'); I.div(2,rounding_mode='trunc'); A.fmod(P);
        A.remainder(0.3); A.pow(3); P.pow(A); torch.maximum(A,P); torch.minimum(A,P); torch.atan2(A,P); torch.hypot(A,P);
        torch.logaddexp(A,P); torch.lerp(A,P,0.3); torch.addcmul(A,A,P,value=.5); torch.addcdiv(A,A,P,value=.5);
        A.clamp(-.5,.5); A.clamp(min=0); A.clamp_max(.1); A.clip(max=.2); torch.where(M,A,P); torch.where(M,A,0.);
        A.masked_fill(M,-1e9); A.eq(A); A>P; A>=0; A!=P; M&M; M|M; M^M; I&1; I|2; I<<1; torch.xlogy(P,P);
        torch.heaviside(A,P); torch.equal(A,A); torch.allclose(A,A); torch.isclose(A,P); torch.dist(A,P);
        torch.copysign(A,P); torch.logical_and(M,M); torch.logical_not(A); A*I; A+I.double()[0,0]; torch.fmax(A,P);
        torch.float_power(P,2)
    """,
    "reductions": """
        A.sum(); A.sum(1); A.sum(dim=0,keepdim=True); A.sum((0,1)); C.sum((0,-1)); M.sum(); I.sum(); A.sum(axis=1);
        A.mean(); A.mean(-1,keepdim=True); A.mean((0,1)); A.prod(); A.prod(1); A.max(); A.max(1);
        A.max(dim=0,keepdim=True); A.min(1); torch.max(A,P); A.amax(1); A.amin((0,1)); A.argmax(); A.argmax(1);
        A.argmin(dim=0,keepdim=True); M.any(); M.all(1); A.std(); A.std(1); A.var(0,unbiased=False);
        A.var(1,keepdim=True); torch.var(A,dim=1,correction=0); torch.std_mean(A,1); torch.var_mean(A); A.logsumexp(1);
        A.norm(); A.norm(dim=1); A.norm(p=1); A.norm(2,1,True); A.median(); A.median(1); torch.quantile(A,.3);
        torch.quantile(A,torch.tensor([.1,.5]),dim=1); A.kthvalue(2,1); torch.count_nonzero(M); A.cumsum(1); A.cumprod(0);
        A.cummax(1); A.cummin(0); torch.logcumsumexp(A,1); torch.diff(A); A.diff(dim=0); S.trace(); torch.histc(A,5,-2,2);
        torch.aminmax(A); A.nansum(); torch.nanmean(A,1); A.mode(1)
    """,
    "joining": """
        torch.cat([A,A]); torch.cat((A,A),dim=1); torch.cat([A,A],-1); torch.stack([A,A],1); torch.vstack([A,A]);
        torch.hstack([A,A]); torch.dstack([A,A]); torch.column_stack([V,V]); A.flip(0); A.flip(0,1); torch.flip(A,[1]);
        A.roll(1,0); A.roll(1); A.roll((1,2),(0,1)); torch.rot90(A); torch.rot90(A,3); A.tile(2,1); A.repeat(2,3);
        A.repeat(2,1,1); A.repeat_interleave(2,0); A.repeat_interleave(2);
        torch.repeat_interleave(V,torch.tensor([1,0,2,1,1,3])); torch.meshgrid(V,V); torch.meshgrid(V,V,indexing='xy');
        torch.cartesian_prod(V,V); A.tril(); A.triu(1); torch.diag(V); torch.diag(S); torch.diag(S,1);
        torch.diag_embed(A); torch.diagonal(S); A.diagonal(1); torch.vander(V,3); torch.combinations(V,2);
        torch.block_diag(A,S)
    """,
    "views": """
        A.view(12); A.view(2,-1); A.view((6,2)); A.reshape(-1); A.t(); A.T; C.mT; C.permute(2,0,1); C.transpose(0,-1);
        A.unsqueeze(0); A.unsqueeze(-1); A[None].squeeze(0); A[None].squeeze(); A.squeeze(0); A[:1].expand(5,4);
        A[:1].expand(-1,4); A[0].expand_as(A); C.flatten(); C.flatten(1); C.unflatten(2,(2,2)); C.movedim(0,-1);
        A.select(1,2); A.narrow(1,1,2); A.unbind(1); A.split(2); A.split([1,2]); A.split(3,dim=1); A.chunk(2);
        A.chunk(2,1); torch.tensor_split(A,2,1); A.swapaxes(0,1); torch.broadcast_to(A,(2,3,4));
        torch.broadcast_tensors(A,A[0]); A.ravel(); A.view_as(P); A.unfold(1,2,1); torch.atleast_2d(V); A.size();
        A.size(0); A.shape; A.numel(); A.dim(); A.ndim
    """,
    "by position": """
        A.gather(1,I); A.gather(0,I); A.gather(1,K); torch.zeros(3,4).scatter(1,K,1.); torch.zeros(3,4).scatter(1,K[:,:1],A);
        torch.zeros(3,4).scatter_add(0,I,A); A.scatter_reduce(0,I,P,'amax');
        A.scatter_reduce(0,I,P,'mean',include_self=False); A.index_select(1,torch.tensor([2,0]));
        A.index_add(0,torch.tensor([0,2]),P[:2]); A.index_copy(0,torch.tensor([0,2]),P[:2]);
        A.index_fill(0,torch.tensor([1]),9.);
        A.index_put((torch.tensor([0,1]),torch.tensor([2,3])),torch.tensor([5.,6.]));
        A.index_put((torch.tensor([0,0]),torch.tensor([2,2])),torch.tensor([5.,6.]),accumulate=True); torch.take(A,I);
        A.masked_select(M); A.masked_scatter(M,P); M.nonzero(); torch.nonzero(M,as_tuple=True); torch.argwhere(M);
        torch.where(M); I.unique(); torch.unique(I,return_inverse=True,return_counts=True); torch.unique_consecutive(I);
        torch.bincount(I.flatten()); torch.bincount(I.flatten(),minlength=9); A.sort(); A.sort(0,descending=True);
        A.argsort(1); A.topk(2); A.topk(2,dim=0,largest=False); torch.searchsorted(V.sort().values,A);
        torch.bucketize(A,torch.tensor([-.5,.5])); torch.isin(I,torch.tensor([0,2])); torch.take_along_dim(A,I,1);
        torch.msort(A)
    """,
    "indexing": """
        A[0]; A[-1,2]; A[:,1]; A[1:,::2]; A[...,0]; A[None]; A[M]; A[I[:,0]]; A[[0,2]];
        A[torch.tensor([0,1]),torch.tensor([1,2])]; C[:,torch.tensor([0,1])]; A[torch.arange(3),I[:,0]]; A[M[:,0]];
        A[:,[0,1]]; C[0,:,M[0]]; V[I]; A[torch.tensor(1)]; A[np.array([0,1])]
    """,
    "products": """
        A@B; torch.mm(A,B); torch.bmm(C,C.mT); A.matmul(B); torch.mv(A,B[:,0]); torch.dot(V,V); V@V; torch.outer(V,V);
        torch.ger(V,V); torch.inner(V,V); torch.addmm(S,A,B,beta=.5,alpha=2); torch.baddbmm(torch.zeros(2,3,3),C,C.mT);
        torch.einsum('ij,jk->ik',A,B); torch.einsum('bij,bkj->bik',C,C); torch.tensordot(A,B,1); torch.kron(A,B);
        torch.cdist(A,P); torch.cross(S,S+1,dim=1); torch.linalg.norm(A); torch.linalg.inv(S); torch.inverse(S);
        torch.det(S); torch.linalg.solve(S,B[:3]); torch.slogdet(S); torch.logdet(S@S.T);
        torch.linalg.cholesky(S@S.T+torch.eye(3)); torch.linalg.matrix_norm(S); torch.linalg.vector_norm(A,dim=1);
        torch.linalg.pinv(A); torch.matrix_power(S,3); torch.chain_matmul(A,B,A); torch.linalg.qr(S)[1].abs();
        torch.linalg.svd(S)[1]; torch.linalg.eigh(S@S.T)[0]; torch.linalg.multi_dot([A,B,A]);
        torch.linalg.lstsq(A.T,B[:,:1])[0]; torch.linalg.matrix_rank(S); torch.linalg.svdvals(S);
        torch.linalg.eigvalsh(S@S.T); torch.linalg.cross(S,S+1); torch.trapezoid(V); torch.cov(A); torch.corrcoef(A)
    """,
    "creation": """
        torch.zeros(2,3); torch.zeros((2,3)); torch.ones(2); torch.full((2,),3.5); torch.full((2,),1); torch.arange(5);
        torch.arange(1,5,2); torch.arange(0,1,.25); torch.linspace(0,1,5); torch.logspace(0,2,3); torch.eye(3);
        torch.eye(2,3); torch.tensor([[1,2],[3,4]]); torch.tensor(3.); torch.tensor([1.,2]); torch.tensor([True]);
        torch.zeros_like(A); torch.full_like(I,7); torch.tril_indices(3,3); torch.ones(2,dtype=torch.long);
        torch.LongTensor([1,2]); torch.FloatTensor([[1,2]]); torch.Tensor([1,2]); torch.as_tensor(np.arange(3));
        torch.from_numpy(np.ones((2,2))); A.new_zeros(2); A.new_full((2,),3); A.new_tensor([1,2]); torch.empty(0);
        torch.tensor([]); torch.tensor([A[0,0],2.]); torch.tensor(np.float64(2)); torch.scalar_tensor(2);
        torch.is_tensor(A); torch.randn(2,3).shape; torch.randint(0,5,(2,)).shape; torch.randint(3,(2,2)).dtype;
        torch.randperm(5).sort()[0]; torch.rand(2).dtype; torch.finfo(torch.float32).eps; torch.iinfo(torch.int64).max;
        torch.Size([2,3]).numel(); A.dtype; torch.result_type(A,I); torch.promote_types(torch.int32,torch.float32);
        torch.get_default_dtype(); A.is_floating_point(); str(A.dtype); A.tolist(); A.type(); len(A); I.type();
        A.stride(); (A[0]).stride()
    """,
    "functional": """
        F.relu(A); F.leaky_relu(A,.1); F.elu(A); F.selu(A); F.gelu(A); F.gelu(A,approximate='tanh'); F.silu(A);
        F.softplus(A); F.hardtanh(A); F.relu6(A); F.mish(A); F.softsign(A); F.logsigmoid(A); F.hardswish(A);
        F.hardsigmoid(A); F.tanhshrink(A); F.softshrink(A); F.hardshrink(A); F.threshold(A,.1,2.); F.celu(A); F.glu(A);
        F.softmax(A,dim=1); F.softmin(A,dim=1); F.log_softmax(A,dim=0); F.normalize(A); F.normalize(A,dim=0,p=1);
        F.cosine_similarity(A,P); F.pairwise_distance(A,P); F.pad(A,(1,2)); F.pad(A,(1,0,0,2),value=3.);
        F.pad(C,(1,1),mode='reflect'); F.pad(C,(2,1),mode='replicate'); F.pad(C,(1,2),mode='circular'); F.pad(A,(-1,1));
        F.one_hot(I); F.one_hot(I,5); F.linear(A,P); F.linear(A,P,torch.ones(3)); F.embedding(I,A); F.layer_norm(A,(4,));
        F.mse_loss(A,P); F.mse_loss(A,P,reduction='sum'); F.l1_loss(A,P); F.smooth_l1_loss(A,P);
        F.huber_loss(A,P,delta=.5); F.cross_entropy(A,I[:,0]); F.cross_entropy(A,I[:,0],label_smoothing=.1);
        F.cross_entropy(A,A.softmax(1)); F.nll_loss(A.log_softmax(1),I[:,0]);
        F.binary_cross_entropy(A.sigmoid(),M.float()); F.binary_cross_entropy_with_logits(A,M.float());
        F.binary_cross_entropy_with_logits(A,M.float(),pos_weight=torch.tensor(2.));
        F.kl_div(A.log_softmax(1),P.softmax(1),reduction='batchmean'); F.mse_loss(A,P,size_average=False);
        F.cosine_embedding_loss(A,P,torch.ones(3)); F.margin_ranking_loss(A,P,torch.ones(3,4));
        F.triplet_margin_loss(A,P,P+1); F.scaled_dot_product_attention(C,C,C);
        F.scaled_dot_product_attention(C,C,C,is_causal=False); F.conv1d(C,torch.ones(5,3,2));
        F.conv2d(C[None],torch.ones(5,2,2,2),padding=1); F.max_pool2d(C[None],2); F.avg_pool2d(C[None],2);
        F.adaptive_avg_pool2d(C[None],1); F.max_pool1d(C,2); F.interpolate(C[None],scale_factor=2);
        F.interpolate(C[None],scale_factor=2,mode='bilinear'); F.unfold(C[None],2);
        F.conv_transpose2d(C[None],torch.ones(2,5,2,2)); F.group_norm(C,3); F.batch_norm(C,torch.zeros(3),torch.ones(3));
        F.dropout(A,0.5,training=False); F.pixel_shuffle(torch.arange(16.).view(1,4,2,2),2); F.tanh(A); F.sigmoid(A);
        F.rms_norm(A,(4,)); F.relu(A,inplace=True); F.poisson_nll_loss(A,P); F.gaussian_nll_loss(A,P,P);
        F.hinge_embedding_loss(A,torch.ones(3,4)); F.local_response_norm(C,2); F.bilinear(A,A,torch.ones(2,4,4))
    """,
}
